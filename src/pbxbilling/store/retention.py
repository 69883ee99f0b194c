"""Implements the `RetentionStore` port: a read connection finds old rows, a key changes each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.billing.records import FINAL
from pbxbilling.calls.metering.usage_event import DUE, UsageEventState
from pbxbilling.privacy.retention import CUTS, Chore, Due
from pbxbilling.store import schema
from pbxbilling.store.purged_usage import adding_usage
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows.dialects import without
from pbxbilling.store.rows.values import instant, to_us
from pbxbilling.store.schema.base import spelled
from pbxbilling.store.statements import ON_A_STATEMENT
from pbxbilling.subscriptions.events import EventState

_Key = tuple[str | int, ...]
_ABOUT_PEOPLE = ("caller", "number")


@dataclass(frozen=True, slots=True)
class _Target:
    """Rows of a table that a chore may process, and the column that holds their age."""

    table: Table
    age: Column[Any]
    where: ColumnElement[bool]

    @property
    def key(self) -> list[Column[Any]]:
        key: list[Column[Any]] = list(self.table.primary_key)
        return key

    def still_due(
        self, before: datetime, keys: Sequence[_Key], dialect: str
    ) -> tuple[ColumnElement[bool], list[dict[str, str | int]] | None]:
        """Return a condition for the rows with these keys, and its parameters, if it has some.

        For a list of keys SQLite would scan the table, so it gets them one by one; asyncpg does not
        count the rows of a statement that is run for many parameters.
        """
        due = and_(self.where, self.age < to_us(before))
        if dialect != "sqlite":
            return and_(tuple_(*self.key).in_(keys), due), None
        names = [f"key_{column.name}" for column in self.key]
        by_key = (column == bindparam(name) for column, name in zip(self.key, names, strict=True))
        return and_(*by_key, due), [dict(zip(names, key, strict=True)) for key in keys]


FORGOTTEN_AT = "@forgotten.invalid"


class SqlRetention:
    """Finds old rows, and deletes or redacts them; writes go through `transaction`."""

    def __init__(
        self,
        reads: Reads,
        transaction: Callable[[], AbstractAsyncContextManager[AsyncConnection]],
    ) -> None:
        self._reads = reads
        self._transaction = transaction

    async def count(self, chore: Chore, before: datetime) -> int:
        """Count the rows older than `before` that the chore is due for."""
        target = _TARGETS[chore]
        old = and_(target.where, target.age < to_us(before))
        return await self._reads.count(target.table, old)

    async def due(
        self,
        chore: Chore,
        since: datetime,
        before: datetime,
        limit: int,
        *,
        tenant: str | None = None,
    ) -> Sequence[Due]:
        """Return the rows of [since, before) that the chore is due for, oldest first."""
        query = due_query(chore, since, before, limit)
        if tenant is not None:
            query = query.where(_TARGETS[chore].table.c.tenant == tenant)
        rows = await self._reads.rows(query)
        return [Due(tuple(row[1:]), instant(row[0])) for row in rows]

    async def needed(self, tenant: str) -> int:
        """Count a tenant's answered legs that a final statement or the meter still needs."""
        needed = and_(_LEG.tenant == tenant, schema.LEG_USED, not_(_SETTLED))
        return await self._reads.count(schema.leg, needed)

    async def redact(self, subject: str, keys: Collection[str]) -> None:
        """Remove these keys from the audit records of a subject."""
        row = schema.audit.c
        left = {side: without(row[side], keys) for side in ("before", "after")}
        async with self._transaction() as connection:
            await connection.execute(
                update(schema.audit).where(row.subject == subject).values(left)
            )

    async def forget_people(self, tenant: str, at: datetime) -> None:
        """Blank a tenant's users and tokens, and keep them out."""
        user, token, now = schema.user.c, schema.token.c, to_us(at)
        blank = {
            "email": user.id + FORGOTTEN_AT,
            "password": "",
            "totp": "",
            "recovery": [],
            "disabled_at": func.coalesce(user.disabled_at, now),
        }
        revoked = {"name": "", "revoked_at": func.coalesce(token.revoked_at, now)}
        async with self._transaction() as connection:
            await connection.execute(update(schema.user).where(user.tenant == tenant).values(blank))
            await connection.execute(
                update(schema.token).where(token.tenant == tenant).values(revoked)
            )

    async def do(self, chore: Chore, before: datetime, keys: Sequence[_Key]) -> int:
        """Do the chore, in one transaction, for the keys still due; return how many were."""
        if not keys:
            return 0
        target = _TARGETS[chore]
        async with self._transaction() as connection:
            dialect = connection.dialect.name
            still, each = target.still_due(before, keys, dialect)
            if chore in CUTS:
                changed = update(target.table).where(still).values(_cut_numbers(target.table))
                return (await connection.execute(changed, each)).rowcount
            if target.table is schema.leg:
                await connection.execute(adding_usage(still, dialect), each)
            return (await connection.execute(delete(target.table).where(still), each)).rowcount


def due_query(chore: Chore, since: datetime, before: datetime, limit: int) -> Select[Any]:
    """Select age and key of the rows that a chore is due for; an index finds them."""
    target = _TARGETS[chore]
    return (
        select(target.age, *target.key)
        .where(target.where, target.age >= to_us(since), target.age < to_us(before))
        .order_by(target.age)
        .limit(limit)
    )


def _cut_numbers(table: Table) -> dict[str, ColumnElement[str]]:
    return {name: _cut(table.c[name]) for name in _ABOUT_PEOPLE}


def _cut(number: Column[str]) -> ColumnElement[str]:
    """Express `kernel.numbers.cut` in SQL."""
    last_three = func.substr(number, func.length(number) - 2)
    return case(
        (not_(_uncut(number)), number),
        (func.length(number) > 6, "***" + last_three),
        else_="***",
    )


def _uncut(number: Column[str]) -> ColumnElement[bool]:
    """Express `not is_cut` in SQL; an empty number has nothing to cut."""
    return and_(number != "", or_(func.substr(number, 1, 3) != "***", func.length(number) > 6))


def _uncut_row(table: Table) -> ColumnElement[bool]:
    return or_(*(_uncut(table.c[name]) for name in _ABOUT_PEOPLE))


def _was_never_billed() -> ColumnElement[bool]:
    """Match legs that ended before their tenant's first final statement began."""
    statement = schema.statement.c
    first = (
        select(func.min(statement.begins))
        .where(statement.tenant == schema.leg.c.tenant, statement.number == FINAL)
        .scalar_subquery()
    )
    return schema.leg.c.ended_at < func.coalesce(first, 0)


def _waits_for_the_meter() -> ColumnElement[bool]:
    event = schema.meter_event.c
    on_its_way = event.state.in_(map(spelled, sorted({*DUE, UsageEventState.PARKED})))
    leg = schema.leg.c.pbx + ":" + schema.leg.c.uniqueid
    return exists().where(event.leg == leg, on_its_way)


def _has_no_open_leg() -> ColumnElement[bool]:
    return not_(exists().where(schema.LEG_OPEN, schema.leg.c.call == schema.call.c.call))


_LEG, _CALL, _DECISION = schema.leg.c, schema.call.c, schema.decision.c
_SETTLED = and_(
    schema.LEG_PLACED,
    not_(_waits_for_the_meter()),
    or_(_LEG.answered_at.is_(None), ON_A_STATEMENT, _was_never_billed()),
)
_OVER = and_(_CALL.ended_at.is_not(None), _has_no_open_leg())
_DONE = schema.webhook_event.c.state == EventState.DONE.value

_TARGETS: Mapping[Chore, _Target] = {
    Chore.LEGS: _Target(schema.leg, _LEG.ended_at, _SETTLED),
    Chore.UNOWNED_LEGS: _Target(schema.leg, _LEG.ended_at, schema.LEG_UNOWNED),
    Chore.CALLS: _Target(schema.call, _CALL.ended_at, _OVER),
    Chore.DECISIONS: _Target(schema.decision, _DECISION.at, true()),
    Chore.AUDIT: _Target(schema.audit, schema.audit.c.at, true()),
    Chore.EVENTS: _Target(schema.webhook_event, schema.webhook_event.c.received_at, _DONE),
    Chore.LEG_NUMBERS: _Target(schema.leg, _LEG.ended_at, and_(_SETTLED, _uncut_row(schema.leg))),
    Chore.UNOWNED_LEG_NUMBERS: _Target(
        schema.leg, _LEG.ended_at, and_(schema.LEG_UNOWNED, _uncut_row(schema.leg))
    ),
    Chore.CALL_NUMBERS: _Target(schema.call, _CALL.ended_at, and_(_OVER, _uncut_row(schema.call))),
    Chore.DECISION_NUMBERS: _Target(schema.decision, _DECISION.at, _uncut_row(schema.decision)),
}
