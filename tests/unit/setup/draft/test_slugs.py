"""Slugs are valid and unique, and a word that is one keeps it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.setup.draft.slugs import is_slug, key_of_context, slug_of, stem, unique_slugs


@pytest.mark.parametrize(
    ("word", "slug"),
    [
        ("ACME", "acme"),
        ("Müller & Söhne", "muller-sohne"),
        ("Straße", "strasse"),
        ("4711", "4711"),
        ('a"b', "a-b"),
        ("__x__", "x"),
        ("株式会社", ""),
        ("x" * 90, "x" * 64),
    ],
)
def test_a_slug_is_the_nearest_word(word: str, slug: str) -> None:
    assert slug_of(word) == slug


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ("t1-internal", "t1"),
        ("from-acme", "acme"),
        ("acme_phones", "acme"),
        ("ctx-north-internal", "north"),
        ("from-internal", ""),
        ("default", ""),
    ],
)
def test_a_context_is_named_after_its_tenant(context: str, named: str) -> None:
    assert stem(context) == named


def test_two_words_of_one_slug_get_numbers_and_the_slug_itself_stays() -> None:
    assert unique_slugs(["ACME", "Acme", "acme-2", "acme"], ["from-acme", "acme-users"]) == {
        "acme": "acme",
        "acme-2": "acme-2",
        "ACME": "acme-3",
        "Acme": "acme-4",
        key_of_context("from-acme"): "acme-5",
        key_of_context("acme-users"): "acme-6",
    }


@given(st.lists(st.text(max_size=80), unique=True), st.lists(st.text(max_size=80), unique=True))
def test_each_has_a_valid_slug_of_its_own(words: list[str], contexts: list[str]) -> None:
    slugs = unique_slugs(words, contexts)
    assert all(map(is_slug, slugs.values()))
    assert len(set(slugs.values())) == len(slugs) == len({*words, *map(key_of_context, contexts)})
    assert [word for word in words if is_slug(word) and slugs[word] != word] == []
