"""The port `IdentityStore` in memory."""

from __future__ import annotations

from datetime import datetime

from pbxbilling.identity.token import Token


class MemoryIdentity:
    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}

    def put(self, token: Token) -> None:
        self.kept[token.id] = token

    async def token(self, ident: str) -> Token | None:
        return self.kept.get(ident)

    async def expiring(self, after: datetime, before: datetime) -> list[Token]:
        found = [
            one
            for one in self.kept.values()
            if one.revoked_at is None and after <= one.expires_at < before
        ]
        return sorted(found, key=lambda one: (one.expires_at, one.id))

    async def tokens(self) -> list[Token]:
        by_id = sorted(self.kept.values(), key=lambda one: one.id)
        return sorted(by_id, key=lambda one: one.created_at, reverse=True)
