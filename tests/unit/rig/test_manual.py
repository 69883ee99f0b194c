"""The manual page and the completions name every command and option, whatever shell reads them."""

from __future__ import annotations

import re
import subprocess

import pytest

from pbxbilling import __version__
from rig.manual import Entry, bash, entries, fish, manual_page, zsh

COMMANDS = entries()
DEEP = "pbxbilling tenant show"


def completed(*words: str) -> set[str]:
    """Return what bash offers for the last of the words."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        f"{bash(COMMANDS)}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _pbxbilling;"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_every_command_is_an_entry() -> None:
    names = {one.name for one in COMMANDS}
    assert {"pbxbilling", "pbxbilling serve", DEEP, "pbxbilling setup asterisk"} <= names
    assert len(names) == len(COMMANDS) > 50


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda one: one.name)
def test_the_page_has_every_command_that_does_something(entry: Entry) -> None:
    page = manual_page(COMMANDS)
    name = entry.name.replace("-", "\\-")
    assert (f".SS \\fB{name}\\fR" in page) == (entry.runs and entry.name != "pbxbilling")


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda one: one.name)
def test_bash_offers_what_comes_next(entry: Entry) -> None:
    offered = completed(*entry.name.split(), "")
    assert offered == {*entry.commands, *(name for one in entry.options for name in one.names)}
    assert completed(*entry.name.split(), "--he") == {"--help"}


def test_an_argument_between_does_not_lead_astray() -> None:
    assert "--json" in completed("pbxbilling", "tenant", "show", "tenant", "")
    assert "show" not in completed("pbxbilling", "tenant", "show", "acme", "")


def test_each_shell_has_every_word() -> None:
    for entry in COMMANDS:
        for word in (*entry.commands, *(name for one in entry.options for name in one.names)):
            bare = word.lstrip("-")
            assert re.search(rf"(-a|-l|-s) {re.escape(bare)}\b", fish(COMMANDS)), word
            assert re.search(rf"[ \"]{re.escape(word)}[ \"]", zsh(COMMANDS)), word


def test_the_page_is_the_same_each_time_and_has_no_date() -> None:
    page = manual_page(entries())
    assert page == manual_page(COMMANDS)
    assert page.startswith(f'.TH PBXBILLING 1 "" "pbxbilling {__version__}"')
    assert [line for line in page.splitlines() if line.startswith((" ", "'"))] == []
