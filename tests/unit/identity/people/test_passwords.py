"""Which passwords are taken."""

from __future__ import annotations

import pytest

from pbxbilling.identity.people.passwords import LEAST, MOST, normalised, read_password

EMAIL = "ann@acme.example"


@pytest.mark.parametrize(
    "text", ["a long password", "fünfzehn Würste", "x7f!" * 3, "密码密码密码密码密码密码三四五六"]
)
def test_a_long_one_is_taken(text: str) -> None:
    assert read_password(text, EMAIL) == normalised(text)


def test_it_is_the_same_from_another_keyboard() -> None:
    assert read_password("schlüsselbunde", EMAIL) == read_password("schlu\u0308sselbunde", EMAIL)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", f"0 characters: expected {LEAST} or more"),
        ("elevenchars", f"11 characters: expected {LEAST} or more"),
        ("long" * 100, f"400 characters: expected {MOST} at the most"),
        ("Password1234", "everybody tries first"),
        ("abababababab", "everybody tries first"),
        ("ANN@acme.example", "is the mail address"),
    ],
)
def test_others_are_refused_and_never_quoted(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        read_password(text, EMAIL)
    assert not text or text not in str(refused.value)
