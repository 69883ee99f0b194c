"""Finds who acts, from what a request brings."""

from __future__ import annotations

from pbxbilling.identity.ports import IdentityStore
from pbxbilling.identity.principal import Principal
from pbxbilling.identity.tokens.token import parse_secret
from pbxbilling.kernel.ports import Clock


class SignIn:
    """Finds principals in the store. Raises StoreError."""

    def __init__(self, store: IdentityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def by_token(self, text: str, address: str) -> Principal | None:
        """Return who acts with a token from an address; None for a text that is no such token."""
        secret = parse_secret(text)
        token = None if secret is None else await self._store.token(secret.id)
        if secret is None or token is None or not token.is_valid(secret.secret, self._clock.now()):
            return None
        return token.principal if token.is_good_from(address) else None

    async def of_user(self, ident: str) -> Principal | None:
        """Return who acts as the user of that id, whom somebody else has let in."""
        user = await self._store.user(ident)
        if user is None or user.disabled_at is not None:
            return None
        return user.principal(await self._store.roles())

    async def of_token(self, ident: str) -> Principal | None:
        """Return who acts with the token of that id, which somebody else has checked."""
        token = await self._store.token(ident)
        if token is None or not token.is_in_force(self._clock.now()):
            return None
        return token.principal
