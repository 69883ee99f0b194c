"""docs/reference/commands.md lists every command with its arguments and options, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from pbxbilling.cli.main import app

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"
EVERYWHERE = {"-c", "--config", "--json", "--help"}  # documented once, at the top of the page

Form = tuple[str, int, frozenset[str]]  # its words, number of arguments, own options


def programs_own(command: Any, *words: str) -> Iterator[Form]:
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = {name for p in command.params if p not in arguments for name in p.opts}
        yield " ".join(words), len(arguments), frozenset(options - EVERYWHERE)
    for name, one in below.items():
        yield from programs_own(one, *words, name)


def written(form: str) -> Form:
    outside = re.sub(r"\[[^]]*\]|--.*", "", form)
    words = [word for word in outside.split() if word.islower()]
    arguments = len(outside.split()) - len(words)
    return " ".join(words), arguments, frozenset(re.findall(r"--[a-z-]+", form))


def test_the_page_has_the_forms_that_the_program_has() -> None:
    told = re.findall(r"^\| `([a-z][^`]*)` \|", PAGE.read_text(), re.MULTILINE)
    assert {written(form) for form in told} == set(programs_own(get_command(app)))
