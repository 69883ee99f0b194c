"""Defines the table of meter events: usage to be sent to a payment gateway's meter."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    and_,
    literal_column,
)

from pbxbilling.calls.metering.usage_event import DUE, UsageEventState
from pbxbilling.store.schema.base import Text, metadata, partial_index, spelled

meter_event = Table(
    "meter_event",
    metadata,
    Column("leg", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("ledger_minutes", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tried_at", BigInteger),
    Column("customer", Text),
    Column("note", Text, nullable=False),
    sqlite_with_rowid=False,
)

_SENT = spelled(UsageEventState.SENT)
METER_DUE = meter_event.c.state.in_(map(spelled, sorted(DUE)))
METER_UNSENT = meter_event.c.state != _SENT
METER_DIFFERS = and_(
    meter_event.c.state == _SENT,
    meter_event.c.minutes != meter_event.c.ledger_minutes,
    meter_event.c.note == literal_column("''"),
)

partial_index("ix_meter_event_due", METER_DUE, meter_event.c.ended_at, meter_event.c.leg)
partial_index("ix_meter_event_unsent", METER_UNSENT, meter_event.c.state, meter_event.c.tenant)
partial_index("ix_meter_event_differs", METER_DIFFERS, meter_event.c.leg)
Index("ix_meter_event_customer", meter_event.c.customer, meter_event.c.ended_at)
Index("ix_meter_event_month", meter_event.c.tenant, meter_event.c.month)
