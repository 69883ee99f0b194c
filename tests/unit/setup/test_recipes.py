"""The recipes are what docs/guides/dialplans.md shows."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from pbxbilling.setup import recipes
from pbxbilling.setup.recipes import NAMES, placeholders, recipe
from rig.pages import blocks

PAGE = "docs/guides/dialplans.md"
SHOWN = [
    (PAGE, "FreePBX", -1, recipe("freepbx17")),
    (PAGE, "Contexts by hand", 0, recipe("plain", TENANT=["acme", "globex"], TRUNK="carrier")),
    (PAGE, "Wazo", 0, recipe("wazo")),
    (PAGE, "MikoPBX", 0, recipe("mikopbx", TENANT="acme", PROVIDER="SIP-PROVIDER")),
    (PAGE, "Calls that a program places", -1, recipe("callback", TENANT="acme", TRUNK="carrier")),
]


@pytest.mark.parametrize(("page", "heading", "which", "text"), SHOWN, ids=[s[1] for s in SHOWN])
def test_a_page_shows_the_recipe_that_is_in_the_package(
    page: str, heading: str, which: int, text: str
) -> None:
    assert blocks(page, heading)[which] == text


def test_every_recipe_has_a_name() -> None:
    found = {path.name for path in files(recipes).iterdir() if path.name.endswith(".conf")}
    assert found == {f"{name}.conf" for name in NAMES}


def test_the_two_of_freepbx_differ_in_their_last_line_alone() -> None:
    *newer, returns = recipe("freepbx17").splitlines()
    *older, leaves = recipe("freepbx16").splitlines()
    assert newer == older
    assert (returns, leaves) == ("same => n,Return()", "same => n,MacroExit()")


@pytest.mark.parametrize("name", NAMES)
def test_every_placeholder_is_explained_and_filled_in(name: str) -> None:
    explained = set(re.findall(r"^- `@(\w+)@`", recipes.__doc__ or "", re.MULTILINE))
    assert placeholders(name) <= explained
    filled = recipe(name, **dict.fromkeys(explained, "a"))
    assert re.search(r"@[A-Z]+@", filled) is None


def test_a_context_with_a_placeholder_in_its_title_is_written_for_each_value() -> None:
    text = recipe("mikopbx", TENANT="acme", PROVIDER=["SIP-1", "SIP-2"])
    titles = re.findall(r"^\[(.*)\]$", text, re.MULTILINE)
    assert titles == ["all-outgoing-custom", "SIP-1-incoming-custom", "SIP-2-incoming-custom"]


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="TRUNK"):
        recipe("plain", TENANT="acme")


SPECIAL = ("h", "i", "t", "T", "s", "e", "o", "a")
"""Extensions that Asterisk runs by itself: `h` when a call is over."""
_WILD = {"X": r"\d", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


def _matches(pattern: str, extension: str) -> bool:
    """Return whether Asterisk's pattern matches an extension."""
    parts = re.findall(r"\[[^]]*\]|.", pattern.removeprefix("_"))
    expression = "".join(
        part.replace("*", r"\*") if part[0] == "[" else _WILD.get(part, re.escape(part))
        for part in parts
    )
    return re.fullmatch(expression, extension) is not None


@pytest.mark.parametrize("name", NAMES)
def test_no_pattern_takes_the_end_of_a_call_for_a_call(name: str) -> None:
    text = recipe(name, TENANT="acme", TRUNK="carrier", PROVIDER="SIP-1")
    patterns = re.findall(r"^exten =>? (_[^,]+),", text, re.MULTILINE)
    assert [(p, e) for p in patterns for e in SPECIAL if _matches(p, e)] == []


def test_patterns_are_read_as_asterisk_reads_them() -> None:
    assert _matches("_[0-9*#+a-zA-Z]!", "h")
    assert not _matches("_[0-9*#+]!", "h")
    assert _matches("_[0-9*#+]!", "+4930*1#")
    assert not _matches("_0X.", "01")
