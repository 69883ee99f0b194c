"""Implements the `IdentityStore` port on an SQL database, and maps its rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from pbxbilling.identity.token import Token
from pbxbilling.runtime.flat import Codec
from pbxbilling.store import schema
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, INSTANT_OR_NONE, TEXT, within

TOKEN = TableRows(
    Token,
    schema.token,
    {
        "name": TEXT,
        "scopes": Codec(list, tuple),
        "networks": Codec(list, tuple),
        "created_at": INSTANT,
        "created_by": TEXT,
        "expires_at": INSTANT,
        "revoked_at": INSTANT_OR_NONE,
    },
)


class SqlIdentity:
    """Reads tokens."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def token(self, ident: str) -> Token | None:
        """Return a token by its id; None if there is none."""
        query = select(schema.token).where(schema.token.c.id == ident)
        return await self._reads.one(query, TOKEN.record)

    async def expiring(self, after: datetime, before: datetime) -> list[Token]:
        """Return the tokens that expire in [after, before), the first one first."""
        row = schema.token.c
        query = select(schema.token).where(row.revoked_at.is_(None))
        query = query.where(within(row.expires_at, after, before))
        return await self._reads.many(query.order_by(row.expires_at, row.id), TOKEN.record)

    async def tokens(self) -> list[Token]:
        """Return all tokens, the newest first."""
        row = schema.token.c
        query = select(schema.token).order_by(row.created_at.desc(), row.id)
        return await self._reads.many(query, TOKEN.record)
