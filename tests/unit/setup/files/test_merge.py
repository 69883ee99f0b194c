"""Taking a change back out of a text that was edited since."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.setup.files.merge import without_change

LINES = st.lists(st.sampled_from(["a\n", "b\n", "[x]\n", "\n"]), max_size=8)
OURS = ["ours 1\n", "ours 2\n"]
THEIRS = ["theirs\n"]


@st.composite
def edited_elsewhere(draw: st.DrawFn) -> tuple[str, str, str, str]:
    """Return a text, with our lines in it, with theirs too, and with theirs alone."""
    base = draw(LINES)
    ours, theirs = (draw(st.integers(0, len(base))) for _ in range(2))
    if ours == theirs:
        theirs, base = theirs + 1, [*base[:ours], "between\n", *base[ours:]]

    def put(*which: tuple[int, list[str]]) -> str:
        text = list(base)
        for position, lines in sorted(which, reverse=True):
            text[position:position] = lines
        return "".join(text)

    mine, yours = (ours, OURS), (theirs, THEIRS)
    return put(), put(mine), put(mine, yours), put(yours)


@given(edited_elsewhere())
def test_an_edit_elsewhere_stays_and_ours_goes(texts: tuple[str, str, str, str]) -> None:
    before, after, now, wanted = texts
    assert without_change(before, after, now) == wanted


@given(LINES, LINES)
def test_without_an_edit_it_is_what_it_was(before: list[str], after: list[str]) -> None:
    assert without_change("".join(before), "".join(after), "".join(after)) == "".join(before)


def test_a_line_that_was_added_behind_ours_stays() -> None:
    assert without_change("a\n", "a\nours\n", "a\nours\ntheirs\n") == "a\ntheirs\n"


def test_an_edit_of_our_own_lines_is_a_conflict() -> None:
    assert without_change("a = 1\n", "a = 2\n", "a = 3\n") is None
    assert without_change("a\n", "a\nours 1\nours 2\n", "a\nours 1\nchanged\n") is None


def test_our_lines_that_somebody_has_taken_out_are_no_conflict() -> None:
    assert without_change("a\n", "a\nours\n", "a\n") == "a\n"
