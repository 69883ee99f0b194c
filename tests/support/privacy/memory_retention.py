"""The `RetentionStore` port in memory, for tests of its users."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from pbxbilling.accounts.records import AuditRecord
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import CallRecord, DecisionRecord, LegRecord
from pbxbilling.kernel.numbers import cut, is_cut
from pbxbilling.privacy.retention import CUTS, Chore, Due
from pbxbilling.subscriptions.events import EventState
from tests.support.billing.memory_statements import MemoryStatements
from tests.support.identity.memory_identity import MemoryIdentity
from tests.support.subscriptions.memory_subscriptions import MemorySubscriptions

Rows = Iterable[tuple[tuple[str | int, ...], datetime | None, Any]]


class MemoryRetention:
    """Passes the contract of retention stores; works on the data of its store.

    `gone` are the legs that were purged.
    """

    def __init__(
        self,
        calls: dict[str, CallRecord],
        legs: dict[ChannelKey, LegRecord],
        decided: list[DecisionRecord],
        audited: list[AuditRecord],
        subscription_store: MemorySubscriptions,
        statement_store: MemoryStatements,
        identity: MemoryIdentity,
    ) -> None:
        self._identity = identity
        self._calls, self._legs, self._subscription_store, self._statement_store = (
            calls,
            legs,
            subscription_store,
            statement_store,
        )
        self._decided, self._audited = decided, audited
        self.gone: list[LegRecord] = []

    async def count(self, chore: Chore, before: datetime) -> int:
        return len(list(self._due(chore, before)))

    async def due(
        self,
        chore: Chore,
        since: datetime,
        before: datetime,
        limit: int,
        *,
        tenant: str | None = None,
    ) -> Sequence[Due]:
        found = [due for due in self._due(chore, before, tenant) if due.at >= since]
        return sorted(found, key=itemgetter(1))[:limit]

    async def do(
        self, chore: Chore, before: datetime, keys: Sequence[tuple[str | int, ...]]
    ) -> int:
        still = [due.key for due in self._due(chore, before) if due.key in keys]
        for key in still:
            (self._cut if chore in CUTS else self._take)(chore, key)
        return len(still)

    async def needed(self, tenant: str) -> int:
        used = [leg for leg in self._legs.values() if leg.answered_at and leg.month]
        return sum(leg.tenant == tenant and not self._settled(leg) for leg in used)

    async def redact(self, subject: str, keys: Collection[str]) -> None:
        def left(side: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
            return side and {key: value for key, value in side.items() if key not in keys}

        self._audited[:] = [
            replace(row, before=left(row.before), after=left(row.after))
            if row.subject == subject
            else row
            for row in self._audited
        ]

    async def forget_people(self, tenant: str, at: datetime) -> None:
        for user in [one for one in self._identity.people.values() if one.tenant == tenant]:
            self._identity.put(
                replace(
                    user,
                    email=f"{user.id}@forgotten.invalid",
                    password="",
                    totp="",
                    recovery=(),
                    disabled_at=user.disabled_at or at,
                )
            )
        for token in [one for one in self._identity.kept.values() if one.tenant == tenant]:
            revoked_at = token.revoked_at or at
            self._identity.put(replace(token, name="", revoked_at=revoked_at))

    def _due(self, chore: Chore, before: datetime, tenant: str | None = None) -> Iterator[Due]:
        for key, at, row in self._rows(chore):
            if tenant is not None and row.tenant != tenant:
                continue
            if at is None or at >= before or not self._may_go(chore, row):
                continue
            if chore not in CUTS or not all(is_cut(n) or not n for n in (row.caller, row.number)):
                yield Due(key, at)

    def _rows(self, chore: Chore) -> Rows:
        match chore:
            case Chore.CALLS | Chore.CALL_NUMBERS:
                return [((key,), row.ended_at, row) for key, row in self._calls.items()]
            case Chore.DECISIONS | Chore.DECISION_NUMBERS:
                return [((id(row),), row.at, row) for row in self._decided]
            case Chore.AUDIT:
                return [((id(row),), row.at, row) for row in self._audited]
            case Chore.EVENTS:
                return [
                    ((key,), row.received_at, row)
                    for key, row in self._subscription_store.post.items()
                ]
            case _:
                return [(tuple(key), row.ended_at, row) for key, row in self._legs.items()]

    def _may_go(self, chore: Chore, row: Any) -> bool:
        match chore:
            case Chore.LEGS | Chore.LEG_NUMBERS:
                return self._settled(row)
            case Chore.UNOWNED_LEGS | Chore.UNOWNED_LEG_NUMBERS:
                return row.tenant is None and row.answered_at is not None
            case Chore.CALLS | Chore.CALL_NUMBERS:
                return not any(
                    leg.call == row.call and leg.answered_at and not leg.ended_at
                    for leg in self._legs.values()
                )
            case Chore.EVENTS:
                return bool(row.state is EventState.DONE)
            case _:
                return True

    def _settled(self, leg: LegRecord) -> bool:
        if leg.answered_at is None:
            return True
        finals = [
            one.begins
            for one in self._statement_store.saved.values()
            if one.tenant == leg.tenant and one.is_final
        ]
        as_it_is: tuple[Any, ...] = (leg.tenant, leg.ended_at, leg.talk_us, leg.direction)
        copies = (
            (copy.tenant, charged.ended_at, charged.talk_us, charged.direction)
            for copy in self._statement_store.copies.values()
            for charged in (copy.rated.leg,)
            if charged.key == leg.key
        )
        before_all = bool(leg.ended_at and finals and leg.ended_at < min(finals))
        return leg.tenant is not None and (as_it_is in copies or before_all)

    def _take(self, chore: Chore, key: tuple[Any, ...]) -> None:
        match chore:
            case Chore.CALLS:
                del self._calls[key[0]]
            case Chore.DECISIONS:
                self._decided[:] = [row for row in self._decided if id(row) != key[0]]
            case Chore.AUDIT:
                self._audited[:] = [row for row in self._audited if id(row) != key[0]]
            case Chore.EVENTS:
                del self._subscription_store.post[key[0]]
            case _:
                self.gone.append(self._legs.pop(ChannelKey(*key)))

    def _cut(self, chore: Chore, key: tuple[Any, ...]) -> None:
        match chore:
            case Chore.CALL_NUMBERS:
                self._calls[key[0]] = replace(self._calls[key[0]], **_cut(self._calls[key[0]]))
            case Chore.DECISION_NUMBERS:
                self._decided[:] = [
                    replace(row, **_cut(row)) if id(row) == key[0] else row for row in self._decided
                ]
            case _:
                leg = self._legs[ChannelKey(*key)]
                self._legs[leg.key] = replace(leg, **_cut(leg))


def _cut(row: CallRecord | LegRecord | DecisionRecord) -> Mapping[str, Any]:
    return {"caller": cut(row.caller), "number": cut(row.number)}
