"""Implements the `StatementStore` port on an SQL database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Table,
    and_,
    exists,
    func,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy import cast as sql_cast

from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.accounts.records import PlanSwitched, TermsChanged
from pbxbilling.billing.figures import Charged
from pbxbilling.billing.records import (
    ALL_ENDED,
    FINAL,
    BilledLeg,
    EndedPart,
    OneOffEntry,
    SavedStatement,
    StatementKey,
    Talk,
)
from pbxbilling.billing.statements.statement import LineKind
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.store import schema
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows import statements as bill_rows
from pbxbilling.store.rows.accounts import TERMS_CHANGED
from pbxbilling.store.rows.calls import LEG
from pbxbilling.store.rows.dialects import member, members, total
from pbxbilling.store.rows.values import to_us, within

_BY_STATEMENT = (schema.statement_leg.c.month, schema.statement_leg.c.of_month)


def _on_a_statement() -> ColumnElement[bool]:
    leg, copy = schema.leg.c, schema.statement_leg.c
    return exists().where(
        copy.pbx == leg.pbx,
        copy.uniqueid == leg.uniqueid,
        copy.tenant == leg.tenant,
        copy.ended_at == leg.ended_at,
        copy.talk_us == leg.talk_us,
        copy.direction == leg.direction,
    )


ON_A_STATEMENT = _on_a_statement()  # a final statement has the leg in its current state


class SqlStatements:
    """Reads statements, the legs and one-off lines on them, plan switches and units."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def statements(
        self,
        *,
        tenant: str | None = None,
        month: str | None = None,
        documents: bool = True,
        after: StatementKey | None = None,
        limit: int | None = None,
    ) -> list[SavedStatement]:
        """Return saved statements, ordered by tenant, period and number; None: no filter."""
        table = schema.statement
        document = table.c.document if documents else null().label("document")
        others = (column for column in table.c if column is not table.c.document)
        query = select(*others, document).order_by(table.c.tenant, table.c.month, table.c.number)
        if tenant is not None:
            query = query.where(table.c.tenant == tenant)
        if month is not None:
            query = query.where(table.c.month == month)
        if after is not None:
            key = tuple_(table.c.tenant, table.c.month, table.c.number)
            query = query.where(key > tuple_(*after))
        return await self._reads.many(query.limit(limit), bill_rows.STATEMENT.record)

    async def billed(
        self, tenant: str, *, month: str | None = None, of_month: str | None = None
    ) -> list[BilledLeg]:
        """Return legs on final statements, ordered by their end, then by statement."""
        table = schema.statement_leg
        query = select(table).where(table.c.tenant == tenant)
        if month is not None:
            query = query.where(table.c.month == month)
        if of_month is not None:
            query = query.where(table.c.of_month == of_month)
        query = query.order_by(table.c.ended_at, table.c.pbx, table.c.uniqueid, table.c.month)
        return await self._reads.many(query, bill_rows.BILLED_LEG.record)

    async def billed_between(
        self, tenant: str, begins: datetime, ends: datetime, part: EndedPart = ALL_ENDED
    ) -> list[BilledLeg]:
        """Return copies of legs that ended in [begins, ends), by their ends, then by statement."""
        copy = schema.statement_leg
        query = select(copy).where(copy.c.tenant == tenant, within(copy.c.ended_at, begins, ends))
        query = _by_ends(query, copy, part).order_by(*_BY_STATEMENT)
        return await self._reads.many(query, bill_rows.BILLED_LEG.record)

    async def billed_copies(self, keys: Iterable[ChannelKey]) -> list[BilledLeg]:
        """Return every copy of these legs on final statements, earlier statements first."""
        copy = schema.statement_leg
        found = await self._reads.keyed(
            select(copy), (copy.c.pbx, copy.c.uniqueid), keys, bill_rows.BILLED_LEG.record
        )
        return sorted(found, key=lambda leg: (leg.month, leg.of_month, leg.key))

    async def billed_before(self, tenant: str, begins: datetime, ends: datetime) -> list[BilledLeg]:
        """Return every copy of the legs of `legs_between`, earlier statements first."""
        leg, copy = schema.leg.c, schema.statement_leg
        same = and_(copy.c.pbx == leg.pbx, copy.c.uniqueid == leg.uniqueid)
        query = select(copy).join(schema.leg, same).where(_is_leg_of(tenant, begins, ends))
        query = query.order_by(*_BY_STATEMENT, copy.c.pbx, copy.c.uniqueid)
        return await self._reads.many(query, bill_rows.BILLED_LEG.record)

    async def legs_between(
        self, tenant: str, begins: datetime, ends: datetime, part: EndedPart = ALL_ENDED
    ) -> list[LegRecord]:
        """Return a tenant's answered legs that ended in [begins, ends), by their ends."""
        query = select(schema.leg).where(_is_leg_of(tenant, begins, ends))
        return await self._reads.many(_by_ends(query, schema.leg, part), LEG.record)

    async def talk_between(self, tenant: str, begins: datetime, ends: datetime) -> Talk:
        """Return how much the legs of `legs_between` talked."""
        talked = total(schema.leg.c.talk_us).label("us")
        sums = select(func.count().label("legs")).add_columns(talked)
        (row,) = await self._reads.rows(sums.where(_is_leg_of(tenant, begins, ends)))
        return Talk(row.legs, row.us or 0)

    async def late_legs(self, tenant: str, begins: datetime, ends: datetime) -> list[LegRecord]:
        """Return those of `legs_between` that no final statement has in their current state."""
        query = select(schema.leg).where(_is_leg_of(tenant, begins, ends), ~ON_A_STATEMENT)
        return await self._reads.many(_by_ends(query, schema.leg, ALL_ENDED), LEG.record)

    async def charged(self, month: str) -> list[Charged]:
        """Sum the final statements of periods that begin in a month, by currency and line kind."""
        return [_charged(row) for row in await self._reads.rows(_sums(month))]

    async def charged_to(self, month: str, tenants: Sequence[str]) -> dict[str, list[Charged]]:
        """Sum them as `charged`, by tenant as well."""
        tenant = schema.statement.c.tenant
        query = _sums(month).add_columns(tenant).group_by(tenant).where(tenant.in_(tenants))
        sums: dict[str, list[Charged]] = defaultdict(list)
        for row in await self._reads.rows(query):
            sums[row.tenant].append(_charged(row))
        return sums

    async def units(self, reference: str) -> UnitsUsed | None:
        """Return the units reported under a reference; None if there are none."""
        table = schema.generic_usage
        query = select(table).where(table.c.reference == reference)
        return await self._reads.one(query, bill_rows.UNITS.record)

    async def units_between(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[str, int]:
        """Sum a tenant's units in [begins, ends), by meter."""
        row = schema.generic_usage.c
        query = (
            select(row.meter, total(row.units).label("units"))
            .where(row.tenant == tenant, within(row.at, begins, ends))
            .group_by(row.meter)
        )
        return {found.meter: int(found.units) for found in await self._reads.rows(query)}

    async def one_offs(self, tenant: str) -> list[OneOffEntry]:
        """Return a tenant's one-off lines, ordered by number."""
        table = schema.one_off
        query = select(table).where(table.c.tenant == tenant).order_by(table.c.number)
        return await self._reads.many(query, bill_rows.ONE_OFF.record)

    async def plan_switches(self, tenant: str, since: datetime) -> list[PlanSwitched]:
        """Return a tenant's changes of plan since then, oldest first."""
        table = schema.plan_switch
        query = select(table).where(table.c.tenant == tenant, table.c.at >= to_us(since))
        return await self._reads.many(query.order_by(table.c.at), bill_rows.SWITCH.record)

    async def terms_changes(self, tenant: str, since: datetime) -> list[TermsChanged]:
        """Return what changed since then for a tenant and for all plans, as it was written."""
        row = schema.terms_change.c
        of_plan = row.kind == AccountKind.PLAN.value
        of_tenant = and_(row.kind == AccountKind.TENANT.value, row.slug == tenant)
        query = select(schema.terms_change).where(or_(of_plan, of_tenant), row.at > to_us(since))
        return await self._reads.many(query.order_by(row.id), TERMS_CHANGED.record)


def _sums(month: str) -> Select[Any]:
    table = schema.statement.c
    lines = members(table.document, "lines").table_valued("value", name="line")
    kind = member(lines.c.value, "kind")
    amount = total(sql_cast(member(lines.c.value, "amount_minor"), BigInteger))
    return (
        select(table.currency, kind.label("kind"), amount.label("amount"))
        .select_from(schema.statement)
        .join(lines, true())
        .where(or_(table.month == month, table.month.startswith(f"{month}.")))
        .where(table.number == FINAL)
        .group_by(table.currency, kind)
        .order_by(table.currency, kind)
    )


def _charged(row: Any) -> Charged:
    return Charged(row.currency, LineKind(row.kind), int(row.amount))


def _is_leg_of(tenant: str, begins: datetime, ends: datetime) -> ColumnElement[bool]:
    """Match a tenant's answered legs that ended in [begins, ends); `ix_leg_of_tenant` applies."""
    leg = schema.leg.c
    return and_(schema.LEG_USED, leg.tenant == tenant, within(leg.ended_at, begins, ends))


def _by_ends(query: Select[Any], table: Table, part: EndedPart) -> Select[Any]:
    """Return the query of a part of legs by their ends, ties by id."""
    ended_at, ident = table.c.ended_at, table.c.pbx + ":" + table.c.uniqueid
    if part.after is not None:
        # Not a comparison of rows: no index has the id as it is spelled.
        at = to_us(part.after.at)
        query = query.where(ended_at >= at, or_(ended_at > at, ident > part.after.leg))
    return query.order_by(ended_at, ident).limit(part.limit)
