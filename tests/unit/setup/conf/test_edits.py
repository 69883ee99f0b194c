"""Edits by line; all other bytes stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxbilling.setup.conf.edits import Edits, with_value
from pbxbilling.setup.conf.reader import Line


def test_without_edits_nothing_changes() -> None:
    for text in ("", "a", "a\n", "a\r\nb", "\n\n", "a\nb\r\n"):
        assert Edits().applied(text) == text


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a\nb\nc\n", "0\na\nB\nc\n2\n9\n"),
        ("a\r\nb\r\nc", "0\r\na\r\nB\r\nc\r\n2\r\n9\r\n"),
        ("a\nb\nc", "0\na\nB\nc\n2\n9\n"),
    ],
)
def test_before_in_place_behind_and_at_the_end(text: str, after: str) -> None:
    edits = Edits()
    edits.append(["9"])
    edits.insert_after(3, ["2"])
    edits.replace(2, ["B"])
    edits.insert_before(1, ["0"])
    assert edits.applied(text) == after


@pytest.mark.parametrize(
    ("raw", "after"),
    [
        ("context = out ; the carrier's", "context = in ; the carrier's"),
        ("context=>out", "context=>in"),
        ("out=out", "out=in"),
        ("context=", "context = in"),
    ],
)
def test_a_value_changes_and_the_comment_stays(raw: str, after: str) -> None:
    name, _, value = raw.partition(" ;")[0].replace(">", "").partition("=")
    line = Line(Path("x"), 1, name.strip(), value.strip(), raw)
    assert with_value(line, "in") == after
