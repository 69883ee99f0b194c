"""Maps meter events to rows and back, and derives one from a leg."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
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
from pbxbilling.runtime.flat import word
from pbxbilling.store import schema
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, INSTANT_OR_NONE, Values, storable, to_us

_FROZEN = ("tenant", "month", "ended_at", "minutes")  # once the event is being sent

EVENT = TableRows(
    MeterEvent,
    schema.meter_event,
    {"ended_at": INSTANT, "state": word(UsageEventState), "tried_at": INSTANT_OR_NONE},
)


def metered(table: Insert) -> Executable:
    """Return the upsert of a leg's event, derived from the leg's row in the same transaction.

    An event that is waiting or parked follows the leg; once it is being sent, only its
    `ledger_minutes` and `estimated` do.
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
    """Build the parameters of `metered`: the key of the leg."""
    return {"leg_pbx": record.key.pbx, "leg_uniqueid": storable(record.key.uniqueid)}


def move() -> Executable:
    """Return the UPDATE that moves a meter event to another state."""
    names = ("state", "minutes", "attempts", "tried_at", "customer", "note")
    return (
        update(schema.meter_event)
        .where(schema.meter_event.c.leg == bindparam("event_leg"))
        .values({name: bindparam(f"to_{name}") for name in names})
    )


def moved_values(record: MeterEventMoved) -> Values:
    """Build the parameters of `move`."""
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
    """Return the UPDATE that sets a tenant's parked events back to waiting."""
    row = schema.meter_event.c
    return (
        update(schema.meter_event)
        .where(row.state == UsageEventState.PARKED.value, row.tenant == bindparam("of_tenant"))
        .values(state=UsageEventState.WAITING.value)
    )


def unparked_values(record: MeterEventsUnparked) -> Values:
    """Build the parameters of `unpark`: the tenant."""
    return {"of_tenant": record.tenant}
