"""Making and revoking tokens: audited, told, and refused where they cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.identity.facts import TokenCreated, TokenRevoked
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.identity.tokens.manage_tokens import Tokens
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.facts import Fact
from tests.support.identity.tokens import tokens_of
from tests.support.kernel.actors import named
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
    made = await office.tokens.add("reports", ["calls.read"], named("root"), tenant="acme", days=30)
    principal = await office.sign_in.by_token(made.secret.text, "::1")
    assert principal == made.token.principal
    assert await office.sign_in.of_token(made.token.id) == principal
    await office.tokens.revoke(made.token.id, named("alice"))
    assert await office.sign_in.by_token(made.secret.text, "::1") is None
    assert await office.sign_in.of_token(made.token.id) is None
    assert [type(fact) for fact in office.facts] == [TokenCreated, TokenRevoked]


async def test_who_made_and_who_revoked_it_is_in_the_audit_trail_and_the_secret_is_not() -> None:
    office = Office()
    made = await office.tokens.add("reports", ["admin"], named("root"))
    await office.tokens.revoke(made.token.id, named("alice"))
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
    made = await office.tokens.add("reports", ["admin"], named("root"))
    first = await office.tokens.revoke(made.token.id, named("alice"))
    office.clock.move_to(office.clock.now() + timedelta(seconds=5))
    assert await office.tokens.revoke(made.token.id, named("bob")) == first
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
        await office.tokens.add("reports", scopes, named("root"), tenant=tenant, days=days)
    assert office.store.identity_store.kept == {}


async def test_a_token_that_is_not_there_cannot_be_revoked() -> None:
    with pytest.raises(NotFoundError, match="no token 'x'"):
        await Office().tokens.revoke("x", named("root"))


async def test_a_token_for_a_network_is_good_from_there_alone() -> None:
    office = Office()
    networks = ["192.0.2.0/24", "2001:db8::/32"]
    made = await office.tokens.add("reports", ["admin"], named("root"), networks=networks)
    for address, is_good in {
        "192.0.2.7": True,
        "::ffff:192.0.2.7": True,
        "2001:db8::1": True,
        "192.0.3.7": False,
        "::1": False,
        "": False,
    }.items():
        found = await office.sign_in.by_token(made.secret.text, address)
        assert (found is not None) is is_good, address


@pytest.mark.parametrize("network", ["192.0.2.1/24", "everywhere", ""])
async def test_a_network_that_is_none_is_refused(network: str) -> None:
    with pytest.raises(AdministrationError, match="expected an address or a network"):
        await Office().tokens.add("reports", ["admin"], named("root"), networks=[network])
