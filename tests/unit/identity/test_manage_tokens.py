"""Making and revoking tokens: audited, told, and refused where they cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.identity.facts import TokenCreated, TokenRevoked
from pbxbilling.identity.manage_tokens import Tokens
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.facts import Fact
from tests.support.identity.tokens import tokens_of
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore


class Office:
    """Tokens over a store in memory."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), Clock()
        self.facts: list[Fact] = []
        registry = Registry([Plan("basic")], [Tenant("acme", "basic")])
        self.tokens: Tokens = tokens_of(self.store, registry, self.clock, self.facts)
        self.sign_in = SignIn(self.store.identity_store, self.clock)


async def test_a_new_token_is_let_in_until_it_is_revoked() -> None:
    office = Office()
    made = await office.tokens.add("reports", ["calls.read"], "acme", 30, "root")
    principal = await office.sign_in.by_token(made.secret.text)
    assert principal == made.token.principal
    assert await office.sign_in.of_token(made.token.id) == principal
    await office.tokens.revoke(made.token.id, "alice")
    assert await office.sign_in.by_token(made.secret.text) is None
    assert await office.sign_in.of_token(made.token.id) is None
    assert [type(fact) for fact in office.facts] == [TokenCreated, TokenRevoked]


async def test_who_made_and_who_revoked_it_is_in_the_audit_trail_and_the_secret_is_not() -> None:
    office = Office()
    made = await office.tokens.add("reports", ["admin"], None, 30, "root")
    await office.tokens.revoke(made.token.id, "alice")
    added, revoked = office.store.audited
    assert [(row.action, row.actor) for row in office.store.audited] == [
        ("token add", "root"),
        ("token revoke", "alice"),
    ]
    assert added.subject == revoked.subject == f"token {made.token.id}"
    kept = repr(office.store.audited) + repr(office.store.identity_store.kept)
    assert made.secret.secret not in kept
    assert made.secret.secret not in repr(office.facts)


async def test_to_revoke_again_changes_nothing() -> None:
    office = Office()
    made = await office.tokens.add("reports", ["admin"], None, 30, "root")
    first = await office.tokens.revoke(made.token.id, "alice")
    office.clock.move_to(office.clock.now() + timedelta(seconds=5))
    assert await office.tokens.revoke(made.token.id, "bob") == first
    assert len(office.store.audited) == 2


@pytest.mark.parametrize(
    ("scopes", "tenant", "days", "words"),
    [
        ([], None, 30, "no scope: expected some of admin, "),
        (["calls.write"], None, 30, "scope 'calls.write': a token can have admin, "),
        (["users.manage"], None, 30, "scope 'users.manage': a token can have"),
        (["tenants.write"], "acme", 30, "scope 'tenants.write': the token of tenant acme can have"),
        (["admin"], None, 0, "0 days: expected 1 to 3650"),
        (["admin"], None, 3651, "3651 days: expected 1 to 3650"),
        (["admin"], "globex", 30, "globex"),
    ],
)
async def test_what_a_token_cannot_have_is_refused(
    scopes: list[str], tenant: str | None, days: int, words: str
) -> None:
    office = Office()
    with pytest.raises(AdministrationError, match=words):
        await office.tokens.add("reports", scopes, tenant, days, "root")
    assert office.store.identity_store.kept == {}


async def test_a_token_that_is_not_there_cannot_be_revoked() -> None:
    with pytest.raises(NotFoundError, match="no token 'x'"):
        await Office().tokens.revoke("x", "root")
