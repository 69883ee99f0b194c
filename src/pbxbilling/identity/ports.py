"""What identity needs from outside: its store."""

from __future__ import annotations

from typing import Protocol

from pbxbilling.identity.token import Token


class IdentityStore(Protocol):
    """Reads users, roles and tokens. Raises StoreError."""

    async def token(self, ident: str) -> Token | None:
        """Return a token by its id; None if there is none."""
        ...

    async def tokens(self) -> list[Token]:
        """Return all tokens, the newest first; revoked and expired ones among them."""
        ...
