"""What identity needs from outside: its store."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pbxbilling.identity.token import Token


class IdentityStore(Protocol):
    """Reads users, roles and tokens. Raises StoreError.

    What it returns is what the last committed transaction left: whoever asks here whether a token
    is in force hears of its revocation at once, in whichever process.
    """

    async def token(self, ident: str) -> Token | None:
        """Return a token by its id; None if there is none."""
        ...

    async def expiring(self, after: datetime, before: datetime) -> list[Token]:
        """Return the tokens that expire in [after, before), the first one first.

        Revoked ones are not among them.
        """
        ...

    async def tokens(self) -> list[Token]:
        """Return all tokens, the newest first; revoked and expired ones among them."""
        ...
