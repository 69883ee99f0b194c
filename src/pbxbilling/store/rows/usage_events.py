"""Meter events to rows and back, and how a leg makes one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Row,
    and_,
    bindparam,
    case,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert

from pbxbilling.calls.metering.usage_event import (
    LegMetered,
    MeterEvent,
    MeterEventMoved,
    MeterEventsUnparked,
    UsageEventState,
)
from pbxbilling.store import schema
from pbxbilling.store.rows.values import Values, from_us, instant, storable, to_us

_FROZEN = ("tenant", "month", "ended_at", "minutes")  # once it is being sent


def metered(table: Insert) -> Executable:
    """The event of a leg, made from the row that the leg has in this same transaction.

    What is not being sent yet follows the leg; of the others only `ledger_minutes` does.
    """
    leg = schema.leg.c
    minutes = (leg.billed_s + 59) // 60
    made = select(
        leg.pbx + ":" + leg.uniqueid,
        leg.tenant,
        leg.month,
        leg.ended_at,
        minutes,
        minutes,
        and_(leg.witness.is_not(None), leg.witness.in_(schema.GUESSED_ENDS)),
        literal(UsageEventState.WAITING.value),
        literal(0),
        literal(""),
    ).where(
        leg.pbx == bindparam("leg_pbx"),
        leg.uniqueid == bindparam("leg_uniqueid"),
        leg.tenant.is_not(None),
        leg.ended_at.is_not(None),
    )
    into = ("leg", *_FROZEN, "ledger_minutes", "estimated", "state", "attempts", "note")
    insert = table.from_select(into, made)
    row, new = schema.meter_event.c, insert.excluded
    follows = or_(
        row.state == UsageEventState.WAITING.value, row.state == UsageEventState.PARKED.value
    )
    changed: dict[str, ColumnElement[Any]] = {
        name: case((follows, new[name]), else_=row[name]) for name in _FROZEN
    }
    changed |= {"ledger_minutes": new.ledger_minutes, "estimated": new.estimated}
    return insert.on_conflict_do_update(index_elements=["leg"], set_=changed)


def metered_values(record: LegMetered) -> Values:
    """The key of the leg."""
    return {"leg_pbx": record.key.pbx, "leg_uniqueid": storable(record.key.uniqueid)}


def move() -> Executable:
    """An event gets to another state."""
    names = ("state", "minutes", "attempts", "tried_at", "customer", "note")
    return (
        update(schema.meter_event)
        .where(schema.meter_event.c.leg == bindparam("event_leg"))
        .values({name: bindparam(f"to_{name}") for name in names})
    )


def moved_values(record: MeterEventMoved) -> Values:
    """The values of that."""
    return {
        "event_leg": record.leg,
        "to_state": record.state.value,
        "to_minutes": record.minutes,
        "to_attempts": record.attempts,
        "to_tried_at": to_us(record.tried_at),
        "to_customer": record.customer,
        "to_note": storable(record.note),
    }


def unpark() -> Executable:
    """All parked events of a tenant wait again."""
    row = schema.meter_event.c
    return (
        update(schema.meter_event)
        .where(row.state == UsageEventState.PARKED.value, row.tenant == bindparam("of_tenant"))
        .values(state=UsageEventState.WAITING.value)
    )


def unparked_values(record: MeterEventsUnparked) -> Values:
    """Whose."""
    return {"of_tenant": record.tenant}


def event_record(row: Row[Any]) -> MeterEvent:
    """The event of a row."""
    return MeterEvent(
        leg=row.leg,
        tenant=row.tenant,
        month=row.month,
        ended_at=instant(row.ended_at),
        minutes=row.minutes,
        ledger_minutes=row.ledger_minutes,
        estimated=row.estimated,
        state=UsageEventState(row.state),
        attempts=row.attempts,
        tried_at=from_us(row.tried_at),
        customer=row.customer,
        note=row.note,
    )
