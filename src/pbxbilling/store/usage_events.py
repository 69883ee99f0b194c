"""Implements the ports `MeterOutbox` and `MeteredMinutes` on an SQL database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import func, not_, or_, select

from pbxbilling.calls.metering.usage_event import MeterBacklog, MeterEvent, UsageEventState
from pbxbilling.store import schema
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows.dialects import total
from pbxbilling.store.rows.usage_events import EVENT
from pbxbilling.store.rows.values import from_us, to_us, within

_EVENT = schema.meter_event


class SqlMeterOutbox:
    """Reads meter events and their backlog."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def due(self, until: datetime, settled: datetime, limit: int) -> list[MeterEvent]:
        """Return the events that can be sent, ordered by the end of their legs."""
        row = _EVENT.c
        query = (
            select(_EVENT)
            .where(
                schema.METER_DUE,
                row.ended_at <= to_us(until),
                or_(not_(row.estimated), row.ended_at < to_us(settled)),
            )
            .order_by(row.ended_at, row.leg)
            .limit(limit)
        )
        return await self._reads.many(query, EVENT.record)

    async def event(self, leg: str) -> MeterEvent | None:
        """Return the event of a leg (`pbx:uniqueid`); None if there is none."""
        return await self._reads.one(select(_EVENT).where(_EVENT.c.leg == leg), EVENT.record)

    async def of_legs(self, legs: Collection[str]) -> list[MeterEvent]:
        """Return the events of these legs; legs without one are left out."""
        return await self._reads.many(select(_EVENT).where(_EVENT.c.leg.in_(legs)), EVENT.record)

    async def events(
        self, *states: UsageEventState, tenant: str | None = None, limit: int = 1000
    ) -> list[MeterEvent]:
        """Return unsent events in any of these states, ordered by the end of their legs."""
        row = _EVENT.c
        query = select(_EVENT).where(
            schema.METER_UNSENT, row.state.in_([state.value for state in states])
        )
        if tenant is not None:
            query = query.where(row.tenant == tenant)
        query = query.order_by(row.ended_at, row.leg).limit(limit)
        return await self._reads.many(query, EVENT.record)

    async def tried(self, customer: str, begins: datetime, ends: datetime) -> list[MeterEvent]:
        """Return a customer's events that were tried and whose legs ended in [begins, ends)."""
        row = _EVENT.c
        query = select(_EVENT).where(
            row.customer == customer,
            within(row.ended_at, begins, ends),
            row.tried_at.is_not(None),
        )
        return await self._reads.many(query, EVENT.record)

    async def differing(self, limit: int) -> list[MeterEvent]:
        """Return sent events without a note whose leg's minutes have changed since."""
        query = select(_EVENT).where(schema.METER_DIFFERS).limit(limit)
        return await self._reads.many(query, EVENT.record)

    async def parked(self) -> Collection[str]:
        """Return the tenants that have parked events."""
        row = _EVENT.c
        query = select(row.tenant).where(
            schema.METER_UNSENT, row.state == UsageEventState.PARKED.value
        )
        return [found.tenant for found in await self._reads.rows(query.distinct())]

    async def minutes(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[UsageEventState, int]:
        """Sum the minutes of a tenant's legs that ended in [begins, ends), by event state."""
        row = _EVENT.c
        query = (
            select(row.state, total(row.minutes).label("minutes"))
            .where(row.tenant == tenant, within(row.ended_at, begins, ends))
            .group_by(row.state)
        )
        found = await self._reads.rows(query)
        return {UsageEventState(one.state): int(one.minutes) for one in found}

    async def backlog(self) -> MeterBacklog:
        """Count the unsent events by state, and return when the oldest due leg ended."""
        row = _EVENT.c
        states, oldest = await self._reads.all(
            select(row.state, func.count().label("events"))
            .where(schema.METER_UNSENT)
            .group_by(row.state),
            select(func.min(row.ended_at).label("ended_at")).where(schema.METER_DUE),
        )
        counted = {UsageEventState(found.state): found.events for found in states}
        return MeterBacklog(counted, from_us(oldest[0].ended_at))
