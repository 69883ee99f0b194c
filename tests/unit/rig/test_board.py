"""The table of the demo: in place on a terminal, once per wave elsewhere."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from rig.board import Board

AT = "2026-11-21T08:04:01+00:00"
CALL = {"tenant": "globex", "started_at": AT, "from": "21", "to": "0155501", "state": "ringing"}
REFUSAL = {
    "at": AT, "tenant": "acme", "caller": "11", "number": "0155502",
    "reason": "max_calls", "used": 2, "limit": 2,
}  # fmt: skip


def _tenant(name: str, max_calls: int | None) -> dict[str, Any]:
    return {"tenant": name, "max_calls": max_calls}


class Daemon:
    """Answers as the commands do."""

    def __init__(self) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = {
            "/calls": [CALL],
            "/decisions": [REFUSAL, REFUSAL],
            "/tenants": [
                {"tenant": "acme", "max_calls": 2},
                {"tenant": "globex", "max_calls": None},
            ],
        }

    def get(self, path: str, **_: Any) -> Any:
        return self.answers[path]


def board_on(*, terminal: bool) -> tuple[Board, StringIO, Daemon]:
    page, daemon = StringIO(), Daemon()
    console = Console(file=page, force_terminal=terminal, width=120, _environ={"TERM": "xterm"})
    return Board(daemon.get, console), page, daemon


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_calls_stand_with_their_state_and_refusals_with_their_reason() -> None:
    board, page, _ = board_on(terminal=False)
    board.wave()
    rows = [row[2:] for row in words(page.getvalue()) if len(row) > 4]
    assert ["globex", "21", "0155501", "ringing", "-"] in rows
    assert rows.count(["acme", "11", "0155502", "refused", "max_calls:", "2", "of", "2"]) == 2


def test_each_tenant_stands_with_what_it_holds_and_was_refused() -> None:
    board, page, _ = board_on(terminal=False)
    board.wave()
    assert words(page.getvalue())[-3:-1] == [["acme", "0", "2", "2"], ["globex", "1", "-", "0"]]
    assert board.refused == {"acme": 2}


def test_without_a_terminal_a_wave_is_printed_once_and_nothing_between() -> None:
    board, page, _ = board_on(terminal=False)
    with board.shown():
        assert page.getvalue() == ""
        board.wave()
    assert page.getvalue().count("live calls") == 1
    assert "\x1b" not in page.getvalue()


def test_on_a_terminal_a_change_is_drawn_over_what_stood_there() -> None:
    board, page, daemon = board_on(terminal=True)
    with board.shown():
        board.wave()
        assert "ringing" in page.getvalue()
        daemon.answers["/calls"] = [CALL | {"state": "held"}]
        before = page.tell()
        board.wave()
        drawn = page.getvalue()[before:]
    assert "\x1b[1A" in drawn
    assert "held" in drawn
    assert "ringing" not in drawn
