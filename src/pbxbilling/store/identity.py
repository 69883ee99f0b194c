"""Implements the `IdentityStore` port on an SQL database, and maps its rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Executable, bindparam, delete, select

from pbxbilling.identity.people.user import CustomRole, RoleDeleted, User
from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.records import AnswersExpired, KeptAnswer
from pbxbilling.identity.tokens.token import Token
from pbxbilling.runtime.flat import Codec
from pbxbilling.store import schema
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, INSTANT_OR_NONE, TEXT, Values, to_us, within


def _permissions_named(names: Iterable[str]) -> frozenset[Permission]:
    """Return the permissions of these names; a later release may have saved others."""
    return frozenset(Permission(name) for name in names if name in _NAMES)


_NAMES = frozenset(Permission)
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


USER = TableRows(
    User,
    schema.user,
    {
        "email": TEXT,
        "password_at": INSTANT,
        "created_at": INSTANT,
        "created_by": TEXT,
        "recovery": Codec(list, tuple),
        "disabled_at": INSTANT_OR_NONE,
    },
)
ROLE = TableRows(
    CustomRole,
    schema.custom_role,
    {
        "name": TEXT,
        "permissions": Codec(sorted, _permissions_named),
        "created_at": INSTANT,
        "created_by": TEXT,
    },
)


KEPT_ANSWER = TableRows(
    KeptAnswer, schema.kept_answer, {"who": TEXT, "key": TEXT, "answer": TEXT, "at": INSTANT}
)


def expire_answers() -> Executable:
    """Return the statement that deletes old answers."""
    return delete(schema.kept_answer).where(schema.kept_answer.c.at < bindparam("before"))


def expired_values(record: AnswersExpired) -> Values:
    """Return its parameters."""
    return {"before": to_us(record.before)}


def delete_role() -> Executable:
    """Return the statement that deletes a role."""
    return delete(schema.custom_role).where(schema.custom_role.c.name == bindparam("role"))


def deleted_values(record: RoleDeleted) -> Values:
    """Return its parameters."""
    return {"role": record.name}


class SqlIdentity:
    """Reads users, roles and tokens."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def user(self, ident: str) -> User | None:
        """Return a user by their id; None if there is none."""
        query = select(schema.user).where(schema.user.c.id == ident)
        return await self._reads.one(query, USER.record)

    async def user_of(self, email: str) -> User | None:
        """Return a user by their mail address; None if there is none."""
        query = select(schema.user).where(schema.user.c.email == email)
        return await self._reads.one(query, USER.record)

    async def users(self) -> list[User]:
        """Return all users by their mail addresses."""
        return await self._reads.many(
            select(schema.user).order_by(schema.user.c.email), USER.record
        )

    async def roles(self) -> dict[str, CustomRole]:
        """Return the roles that the site has made, by name."""
        query = select(schema.custom_role).order_by(schema.custom_role.c.name)
        return {one.name: one for one in await self._reads.many(query, ROLE.record)}

    async def kept_answer(self, who: str, key: str) -> KeptAnswer | None:
        """Return the answer that is kept under a principal's key; None if there is none."""
        row = schema.kept_answer.c
        query = select(schema.kept_answer).where(row.who == who, row.key == key)
        return await self._reads.one(query, KEPT_ANSWER.record)

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
