"""Tokens: their form, and which of them are let in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.identity.permissions import NEVER_A_TOKENS, OF_A_TENANTS_TOKEN, Permission
from pbxbilling.identity.tokens.token import ADMIN, digest_of, new_secret, parse_secret
from tests.support.identity.tokens import TOKEN
from tests.support.store.records import NOON, after

SECRET = new_secret(lambda count: bytes(range(count)))


def test_a_token_has_the_form_that_scanners_look_for() -> None:
    assert SECRET.text == (
        "pbxb_abcdefghijkl_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_" + SECRET.text[-6:]
    )
    assert parse_secret(SECRET.text) == SECRET


@given(st.binary(min_size=44, max_size=44))
def test_every_token_is_read_again(drawn: bytes) -> None:
    left = [drawn[:12], drawn[12:]]
    secret = new_secret(lambda count: left.pop(0)[:count])
    assert parse_secret(secret.text) == secret


@given(st.integers(0, len(SECRET.text) - 1), st.characters())
def test_a_mistyped_token_is_none(place: int, typed: str) -> None:
    text = SECRET.text[:place] + typed + SECRET.text[place + 1 :]
    assert parse_secret(text) == (SECRET if text == SECRET.text else None)


@pytest.mark.parametrize("text", ["", "pbxb", f" {SECRET.text}", f"{SECRET.text}\n"])
def test_other_texts_are_none(text: str) -> None:
    assert parse_secret(text) is None


def test_only_its_own_secret_is_valid_and_only_while_it_is_in_force() -> None:
    token = replace(TOKEN, digest=digest_of("right"), expires_at=after(10))
    assert token.is_valid("right", NOON)
    assert not token.is_valid("wrong", NOON)
    assert not token.is_valid("right", after(10))
    assert not replace(token, revoked_at=NOON).is_valid("right", NOON)


def test_the_secret_is_not_what_is_saved() -> None:
    assert SECRET.digest != SECRET.secret
    assert SECRET.digest == digest_of(SECRET.secret)


def test_a_token_never_has_what_is_for_people_alone() -> None:
    of_all = replace(TOKEN, tenant=None, scopes=(ADMIN,)).principal
    assert of_all.permissions == frozenset(Permission) - NEVER_A_TOKENS
    written_by_hand = replace(TOKEN, tenant=None, scopes=("users.manage", "calls.read"))
    assert written_by_hand.principal.permissions == {Permission.CALLS_READ}


def test_a_tenants_token_has_what_a_tenant_may_read_and_its_own_usage() -> None:
    principal = replace(TOKEN, scopes=(ADMIN,)).principal
    assert principal.permissions == OF_A_TENANTS_TOKEN
    assert principal.tenant == "acme"
    assert not replace(TOKEN, scopes=("tenants.write",)).principal.permissions


def test_the_days_are_counted_from_its_making() -> None:
    assert TOKEN.expires_at - TOKEN.created_at == timedelta(days=90)
