"""The contract of every identity store; a class of tests derives from this."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.empty_stores import OfAnyStore
from tests.support.identity.tokens import TOKEN
from tests.support.store.records import after


class IdentityContract(OfAnyStore):
    """One suite for the real stores and for the one in memory."""

    async def test_a_token_comes_back_as_it_was_written(self) -> None:
        revoked = replace(TOKEN, revoked_at=after(1), tenant=None, scopes=("admin",))
        async with self.opened() as store:
            assert await store.identity_store.token(TOKEN.id) is None
            await store.commit([TOKEN])
            assert await store.identity_store.token(TOKEN.id) == TOKEN
            await store.commit([revoked])
            assert await store.identity_store.token(TOKEN.id) == revoked

    async def test_tokens_are_listed_the_newest_first(self) -> None:
        older, other = replace(TOKEN, id="a", created_at=after(-1)), replace(TOKEN, id="b")
        async with self.opened() as store:
            await store.commit([older, TOKEN, other])
            assert await store.identity_store.tokens() == [TOKEN, other, older]
