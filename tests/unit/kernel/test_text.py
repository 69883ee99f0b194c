"""Text of strangers: what is printed of it, and what a name may hold."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.kernel.text import check_lines, check_name, escaped, printable, shown

OBEYED = ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\ud800"]


@given(st.text())
def test_what_is_printed_is_printable_and_loses_nothing_that_is(text: str) -> None:
    assert printable(text) == "".join(one for one in text if one.isprintable())
    assert shown(text).isprintable()
    assert shown(text).replace(" ", "") == printable(text).replace(" ", "")


def test_a_line_feed_becomes_a_space() -> None:
    assert shown("Große Straße 1\n10115\u00a0Berlin") == "Große Straße 1 10115 Berlin"


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=3)))
def test_escaped_json_says_the_same(value: object) -> None:
    for option in (None, orjson.OPT_INDENT_2):
        line = escaped(orjson.dumps(value, option=option))
        assert orjson.loads(line) == value
        assert line.decode().replace("\n", "").isprintable()


@pytest.mark.parametrize("character", OBEYED)
@pytest.mark.parametrize("check", [check_name, check_lines])
def test_no_name_has_what_a_terminal_obeys(check: object, character: str) -> None:
    assert callable(check)
    with pytest.raises(ValueError, match=rf"U\+{ord(character):04X}"):
        check(f"a{character}b")


def test_only_an_address_has_lines() -> None:
    assert check_lines("a\nb") == check_lines("a\r\nb") == "a\nb"
    with pytest.raises(ValueError, match=r"U\+000A"):
        check_name("a\nb")
