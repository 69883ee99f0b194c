"""The port `IdentityStore` in memory."""

from __future__ import annotations

from datetime import datetime

from pbxbilling.identity.people.user import CustomRole, RoleDeleted, User
from pbxbilling.identity.records import AnswersExpired, KeptAnswer
from pbxbilling.identity.tokens.token import Token


class MemoryIdentity:
    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}
        self.people: dict[str, User] = {}
        self.answers: dict[tuple[str, str], KeptAnswer] = {}
        self.own_roles: dict[str, CustomRole] = {}

    def put(
        self, record: Token | User | CustomRole | RoleDeleted | KeptAnswer | AnswersExpired
    ) -> None:
        if isinstance(record, KeptAnswer):
            self.answers[record.who, record.key] = record
        elif isinstance(record, AnswersExpired):
            left = {key: one for key, one in self.answers.items() if one.at >= record.before}
            self.answers = left
        elif isinstance(record, RoleDeleted):
            self.own_roles.pop(record.name, None)
        elif isinstance(record, Token):
            self.kept[record.id] = record
        elif isinstance(record, User):
            self.people[record.id] = record
        else:
            self.own_roles[record.name] = record

    async def user(self, ident: str) -> User | None:
        return self.people.get(ident)

    async def user_of(self, email: str) -> User | None:
        return next((one for one in self.people.values() if one.email == email), None)

    async def users(self) -> list[User]:
        return sorted(self.people.values(), key=lambda one: one.email)

    async def roles(self) -> dict[str, CustomRole]:
        return dict(sorted(self.own_roles.items()))

    async def kept_answer(self, who: str, key: str) -> KeptAnswer | None:
        return self.answers.get((who, key))

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
