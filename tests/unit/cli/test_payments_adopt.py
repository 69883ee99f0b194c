"""`stripe adopt` asks about each row that one tenant fits, and links what gets a yes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pbxbilling.cli import payments
from pbxbilling.cli.main import app

ROW: dict[str, Any] = {
    "subscription": "sub_1",
    "customer": "cus_1",
    "name": "Acme \x1b[31m",
    "email": "billing@acme.example",
    "tenants": ["acme"],
    "by": "mail",
    "plan": "pro",
    "gateway_status": "past_due",
    "status": "past_due",
    "problem": "",
}
CUSTOMER = ROW | {"subscription": None, "customer": "cus_2", "tenants": ["globex"], "status": None}
OTHERS = [ROW | {"tenants": []}, ROW | {"tenants": ["a", "b"]}, ROW | {"problem": "is a demo"}]


class Daemon:
    """The API as the command sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(payments, "get", self.get)
        monkeypatch.setattr(payments, "post", self.post)

    def get(self, _config: Path, path: str) -> Any:
        assert path == "/adoption"
        return {"candidates": [*OTHERS, ROW, CUSTOMER], "faults": ["subscription sub_9: no status"]}

    def post(self, _config: Path, path: str, **body: Any) -> Any:
        self.sent.append((path, body))
        done = {"tenant": "acme", "subscription": "sub_1", "customer": "cus_1", "plan": "pro"}
        done |= {"status": "past_due", "plan_before": "free", "status_before": "active"}
        return [done]

    @property
    def done(self) -> list[Any]:
        return [body for _, body in self.sent if not body["dry_run"]]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    return Daemon(monkeypatch)


def run(*words: str, said: str = "") -> Any:
    return CliRunner().invoke(app, ["stripe", "adopt", *words], input=said)


@pytest.mark.parametrize(
    ("said", "linked"),
    [
        ("y\ny\n", ["acme", "globex"]),
        ("n\ny\n", ["globex"]),
        ("\n\n", []),
        ("y\n", ["acme"]),  # the answers end: what was confirmed is done, and no more
        ("", []),
    ],
)
def test_only_rows_that_get_a_yes_are_linked(daemon: Daemon, said: str, linked: list[str]) -> None:
    ran = run(said=said)
    assert [body["rows"][0]["tenant"] for body in daemon.done] == linked
    assert "\x1b" not in ran.output
    assert "note: subscription sub_9: no status" in ran.output
    assert "Link sub_1 (Acme" in ran.output
    assert "to acme, by mail, plan pro and status past_due?" in ran.output


def test_a_customer_alone_is_linked_by_its_own_id(daemon: Daemon) -> None:
    run(said="n\ny\n")
    ((row,),) = (body["rows"] for body in daemon.done)
    assert row == {"tenant": "globex", "subscription": None, "customer": "cus_2"}


@pytest.mark.parametrize("words", [["--dry-run"], ["--json"]])
def test_neither_a_dry_run_nor_a_program_is_asked(daemon: Daemon, words: list[str]) -> None:
    assert run(*words, said="y\ny\n").exit_code == 0
    assert not daemon.sent


def test_a_yes_needs_a_file(daemon: Daemon) -> None:
    assert run("--yes").exit_code == 2
    assert not daemon.sent


@pytest.mark.parametrize(
    ("words", "said", "done"),
    [
        (["--dry-run"], "", False),
        (["--dry-run", "--yes"], "", False),
        ([], "y\n", True),
        ([], "n\n", False),
        ([], "", False),
        (["--yes"], "", True),
    ],
)
def test_a_file_is_linked_after_one_question_or_with_a_yes(
    daemon: Daemon, tmp_path: Path, words: list[str], said: str, *, done: bool
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("tenant,subscription\nacme,sub_1\n")
    run("--csv", str(file), *words, said=said)
    assert {path for path, _ in daemon.sent} == {"/adoption/rows.csv"}
    assert [body["text"] for body in daemon.done] == [file.read_text()] * done
