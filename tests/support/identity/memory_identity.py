"""The port `IdentityStore` in memory."""

from __future__ import annotations

from pbxbilling.identity.token import Token


class MemoryIdentity:
    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}

    def put(self, token: Token) -> None:
        self.kept[token.id] = token

    async def token(self, ident: str) -> Token | None:
        return self.kept.get(ident)

    async def tokens(self) -> list[Token]:
        by_id = sorted(self.kept.values(), key=lambda one: one.id)
        return sorted(by_id, key=lambda one: one.created_at, reverse=True)
