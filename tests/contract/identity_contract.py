"""The contract of every identity store; a class of tests derives from this."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.identity.people.user import CustomRole
from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.tokens.token import Token
from tests.contract.empty_stores import OfAnyStore
from tests.support.identity.tokens import ANN, TOKEN
from tests.support.store.records import after


class IdentityContract(OfAnyStore):
    """One suite for the real stores and for the one in memory."""

    async def test_a_user_comes_back_as_they_were_written(self) -> None:
        changed = replace(
            ANN, totp="SECRET", totp_step=7, recovery=("a", "b"), disabled_at=after(1), tenant=None
        )
        async with self.opened() as store:
            identity = store.identity_store
            assert await identity.user(ANN.id) is None
            assert await identity.user_of(ANN.email) is None
            await store.commit([ANN])
            assert await identity.user(ANN.id) == await identity.user_of(ANN.email) == ANN
            await store.commit([changed])
            assert await identity.users() == [changed]

    async def test_users_are_listed_by_their_addresses(self) -> None:
        bob = replace(ANN, id="a", email="bob@acme.example")
        async with self.opened() as store:
            await store.commit([bob, ANN])
            assert await store.identity_store.users() == [ANN, bob]

    async def test_a_role_of_the_site_comes_back_as_it_was_written(self) -> None:
        permissions = frozenset({Permission.CALLS_READ, Permission.AUDIT_READ})
        night, day = (
            CustomRole(name, permissions, is_own, after(0), "root")
            for name, is_own in (("night", False), ("day", True))
        )
        async with self.opened() as store:
            await store.commit([night, day])
            assert await store.identity_store.roles() == {"day": day, "night": night}

    async def test_a_token_comes_back_as_it_was_written(self) -> None:
        revoked = replace(
            TOKEN, revoked_at=after(1), tenant=None, networks=("192.0.2.0/24", "::1/128")
        )
        async with self.opened() as store:
            assert await store.identity_store.token(TOKEN.id) is None
            await store.commit([TOKEN])
            assert await store.identity_store.token(TOKEN.id) == TOKEN
            await store.commit([revoked])
            assert await store.identity_store.token(TOKEN.id) == revoked

    async def test_those_that_expire_are_found_without_the_revoked_ones(self) -> None:
        def one(ident: str, second: float, *, revoked: bool = False) -> Token:
            revoked_at = after(0) if revoked else None
            return replace(TOKEN, id=ident, expires_at=after(second), revoked_at=revoked_at)

        soon, sooner = one("a", 5), one("b", 4)
        others = [one("c", 3), one("d", 6), one("e", 5, revoked=True)]
        async with self.opened() as store:
            await store.commit([soon, sooner, *others])
            assert await store.identity_store.expiring(after(4), after(6)) == [sooner, soon]

    async def test_tokens_are_listed_the_newest_first(self) -> None:
        older, other = replace(TOKEN, id="a", created_at=after(-1)), replace(TOKEN, id="b")
        async with self.opened() as store:
            await store.commit([older, TOKEN, other])
            assert await store.identity_store.tokens() == [TOKEN, other, older]
