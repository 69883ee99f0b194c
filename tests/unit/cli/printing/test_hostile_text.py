"""Whatever an answer holds, no command's output has a character that a terminal would obey.

Every command gets an answer of its route's schema in which each text is hostile, so a new command
or a new column is tried without a line here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command

from pbxbilling.cli import connection
from pbxbilling.cli.connection import ApiRequest, CommandFailed
from pbxbilling.cli.main import app, main
from pbxbilling.cli.printing import output
from pbxbilling.cli.printing.tables import cell, show
from pbxbilling.web.api import route_of
from rig.openapi import document
from tests.support.billing.documents import written_statement

HOSTILE = "\x1b]0;pwn\x07\x1b[31m\u009b2J\r\n\x00\x7f\u202egnp\u2066\u2028[red]é 株 =1+1"
AT = "2026-11-21T10:42:00+00:00"
# Texts that have a form, by the end of their names; answers have no other.
FORMS = {"_minutes": "1.50", "month": "2026-11"}
# What a command needs besides its arguments, which are any text.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "tenant trial": ("--until", "2026-12-31"),
    "oneoff add": ("--amount", "1.00", "--reason", "x"),
    "records": ("--tenant", "x"),
    "user add": ("--role", "x", "--password-file", "/dev/null"),
    "user password": ("--password-file", "/dev/null"),
    "token add": ("--scope", "x"),
    "stripe checkout": ("--plan", "x"),
    "figures reconcile": ("--month", "2026-11"),
    "stripe usage-decide": ("--again",),
    "stripe reconcile": ("--month", "2026-11"),
    "invoice run": ("--month", "2026-11"),
}
NO_ANSWER = {  # they print no answer of the API
    "serve", "web", "version", "backup", "database copy", "config check", "doctor",
    "setup asterisk", "stripe check", "tenant export-data",
}  # fmt: skip
OF_A_PLAN = {"active": True, "included_minutes": 5}  # keys that its schema does not name
API = document()
SCHEMAS: Mapping[str, Any] = API["components"]["schemas"]


def commands(command: Any, *words: str) -> Iterator[tuple[str, int]]:
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        yield " ".join(words), len(arguments)
    for name, one in below.items():
        yield from commands(one, *words, name)


COMMANDS = {words: many for words, many in commands(get_command(app)) if words not in NO_ANSWER}


def hostile(schema: Mapping[str, Any], name: str = "") -> Any:
    """Return a value of this schema in which every text is hostile."""
    if "$ref" in schema:
        return hostile(SCHEMAS[schema["$ref"].rpartition("/")[2]], name)
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return hostile(one, name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        named = schema.get("properties", {})
        made = {key: hostile(one, key) for key, one in named.items()}
        more = schema.get("additionalProperties")
        if more:
            made |= {HOSTILE: HOSTILE, **OF_A_PLAN} if more is True else {HOSTILE: hostile(more)}
        return made
    if kind == "array":
        return [hostile(schema["items"], name)]
    if kind == "string":
        return AT if schema.get("format") == "date-time" else _text(name)
    return {"integer": 1, "number": 1.5, "boolean": True, None: HOSTILE}[kind]


def _text(name: str) -> str:
    return next((form for end, form in FORMS.items() if name.endswith(end)), HOSTILE)


def answer(_config: Path, request: ApiRequest) -> Any:
    """Return a hostile answer in place of the daemon's."""
    route = route_of(request.method, f"/api/v1{request.path}") or route_of(
        request.method, request.path
    )
    assert route is not None, request
    path = route.path if route.path.startswith("/api/v1") else f"/api/v1{route.path}"
    operation = API["paths"][path][request.method.lower()]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    if schema.get("$ref", "").endswith("/Statement"):
        return written_statement(HOSTILE)
    return hostile(schema)


def obeyed(text: str) -> list[str]:
    """Return the characters that a terminal would obey, colours of our own headings apart."""
    return [one for one in text if not (one.isprintable() or one == "\n")]


@pytest.mark.parametrize("form", ["", "--json"])
@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_no_command_passes_on_what_a_terminal_obeys(
    words: str,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(connection, "send", answer)
    monkeypatch.setattr(connection, "send_page", lambda *asked: (answer(*asked), None))
    file = tmp_path / "accounts.toml"
    file.write_text("")
    arguments = [str(file)] if words in {"apply", "tenants import"} else ["x"] * COMMANDS[words]
    if words == "tenants export":
        arguments = ["-"]
    command = [*words.split(), *arguments, *OPTIONS.get(words, ()), *filter(None, [form])]
    monkeypatch.setattr(sys, "argv", ["pbxbilling", *command])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert said.out, (command, said.err)
    if words != "tenants export" or form:
        assert obeyed(said.out) == []
    assert obeyed(said.err) == []
    if form:
        assert HOSTILE in _texts(orjson.loads(said.out))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [one for pair in value.items() for part in pair for one in _texts(part)]
    if isinstance(value, list):
        return [one for part in value for one in _texts(part)]
    return [value] if isinstance(value, str) else []


def test_nor_does_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise CommandFailed(HOSTILE)

    monkeypatch.setattr(connection, "send", fail)
    monkeypatch.setattr(sys, "argv", ["pbxbilling", "tenants"])
    with pytest.raises(SystemExit):
        main()
    assert obeyed(capsys.readouterr().err) == []


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(values, st.text(min_size=1, max_size=5))
def test_no_cell_has_such_a_character(value: object, key: str) -> None:
    key = f"x{key}x"  # no instant, no number of a known form
    assert cell(key, value).isprintable()


def test_a_key_within_a_cell_is_no_word_of_ours() -> None:
    assert cell("units", {"sent_at": "0", "at": 5}) == "sent_at 0, at 5"
    assert cell("units", {"x_seconds": "a", "x_minutes": "b"}) == "x_seconds a, x_minutes b"
    assert cell("after", {"x_seconds": 1.25}) == "x_seconds 1.2"


@given(texts=st.lists(st.text(), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_stays_a_line_of_its_own(
    texts: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So no text of a row can pass for another row."""
    monkeypatch.delenv("COLUMNS", raising=False)
    capsys.readouterr()
    show("rows", [{"text": text[:20]} for text in texts], ("text",))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(texts)


def test_json_says_the_same_to_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": HOSTILE, "joined": "👩\u200d💻"})
    said = capsys.readouterr().out
    assert obeyed(said) == []
    assert orjson.loads(said) == {"name": HOSTILE, "joined": "👩\u200d💻"}


def test_only_one_module_prints() -> None:
    """What is printed goes through `output` or `tables`, where it is cleaned."""
    cli = Path(output.__file__).parents[1]
    found = [
        file.name
        for file in cli.rglob("*.py")
        if re.search(r"typer\.echo|(?<![\w.])print\(|stdout\.write", file.read_text())
    ]
    assert sorted(found) == ["output.py", "tables.py"]
