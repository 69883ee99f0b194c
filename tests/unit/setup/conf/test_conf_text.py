"""Lines without their comments, as main/config.c leaves them."""

from __future__ import annotations

import pytest

from pbxbilling.setup.conf.text import significant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = b ; c", ["a = b"]),
        ("a = b\\;c ; d", ["a = b;c"]),
        ("; a\n;;; b\n;---- c ----;\n;---", []),
        (";-- a\nb\nc --; d = e", ["d = e"]),
        ("a ;-- b --; = c", ["a  = c"]),
        (";-- a ;-- b --; c --; d", ["d"]),
        (";-- a\n;-- b\n--; c\n--;\nd", ["d"]),
        ("a --; b\nc\n;-- d\ne", ["a --; b", "e"]),  # swallows what follows, up to the next opening
        ("a = \u00a0b\u2003\r\n\x0c\n\tc\t\r", ["a = \u00a0b\u2003", "c"]),
        ("\ufeff[a]\n\ufeffb", ["[a]", "\ufeffb"]),
        ("x" * 8190 + "\n" + "x" * 8191 + "\na", ["x" * 8190, "a"]),
        ("a", ["a"]),
        ("", []),
    ],
)
def test_what_a_line_says(text: str, said: list[str]) -> None:
    assert [line for _, line, _ in significant(text)] == said


def test_number_and_line_as_it_is_come_with_it() -> None:
    assert list(significant("\n a=1 ; b\r\n")) == [(2, "a=1", " a=1 ; b")]
