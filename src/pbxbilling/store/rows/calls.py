"""Maps calls, their trunk legs, decisions, PBX marks and usage to rows and back.

The names and Uniqueids that a call, its channels and its legs share are interned: calls restored
at a start, perhaps 50,000, hold them for as long as they live.
"""

from __future__ import annotations

from sys import intern
from typing import Any

from sqlalchemy import Executable, Row, bindparam, update

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import (
    CallRecord,
    DecisionRecord,
    EndWitness,
    LegAssigned,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Outcome, Reason
from pbxbilling.runtime.flat import Codec, word
from pbxbilling.store import schema
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, INSTANT_OR_NONE, TEXT, Values, storable

_KEPT_LONG = Codec(read=intern)
_NAME = Codec(storable, intern)

CALL = TableRows(
    CallRecord,
    schema.call,
    {
        "tenant": _KEPT_LONG.or_none,
        "pbx": _KEPT_LONG,
        "direction": word(Direction),
        "origin": _NAME,
        "asker": _NAME,
        "linkedid": _NAME,
        "caller": TEXT,
        "number": TEXT,
        "started_at": INSTANT,
        "answered_at": INSTANT_OR_NONE,
        "ended_at": INSTANT_OR_NONE,
    },
)
LEG = TableRows(
    LegRecord,
    schema.leg,
    {
        "pbx": _KEPT_LONG,
        "uniqueid": _NAME,
        "tenant": _KEPT_LONG.or_none,
        "direction": word(LegDirection),
        "channel": TEXT,
        "linkedid": _NAME,
        "caller": TEXT,
        "number": TEXT,
        "started_at": INSTANT,
        "answered_at": INSTANT_OR_NONE,
        "ended_at": INSTANT_OR_NONE,
        "witness": word(EndWitness).or_none,
        "gone_by": INSTANT_OR_NONE,
    },
    {"key": ChannelKey},
)
DECISION = TableRows(  # any client of the hook's port may have sent its text
    DecisionRecord,
    schema.decision,
    {
        "at": INSTANT,
        "uniqueid": TEXT,
        "tenant": TEXT.or_none,
        "direction": word(Direction).or_none,
        "caller": TEXT,
        "number": TEXT,
        "mode": word(Mode),
        "outcome": word(Outcome),
        "reason": word(Reason),
        "breach": word(Reason).or_none,
    },
    unmapped={"id"},
)
MARK = TableRows(
    PbxMark,
    schema.pbx_mark,
    {"heard_at": INSTANT_OR_NONE, "journal_file": TEXT, "lived_at": INSTANT.or_none},
)


def assign() -> Executable:
    """Return the UPDATE that gives an unowned leg to a tenant."""
    row = schema.leg.c
    return (
        update(schema.leg)
        .where(
            row.pbx == bindparam("leg_pbx"),
            row.uniqueid == bindparam("leg_uniqueid"),
            row.tenant.is_(None),
        )
        .values(
            tenant=bindparam("to_tenant"),
            billed_s=bindparam("to_billed_s"),
            allowance_s=bindparam("to_allowance_s"),
            month=bindparam("to_month"),
        )
    )


def assigned_values(record: LegAssigned) -> Values:
    """Build the parameters of `assign`; `to_…`, as SET already uses a column's own name."""
    return {
        "leg_pbx": record.key.pbx,
        "leg_uniqueid": storable(record.key.uniqueid),
        "to_tenant": record.tenant,
        "to_billed_s": record.billed_s,
        "to_allowance_s": record.allowance_s,
        "to_month": record.month,
    }


def usage_row(row: Row[Any]) -> UsageRow:
    """Build a usage row from a group of the usage query; some databases sum to a Decimal."""
    summed = {name: int(getattr(row, name)) for name in ("talk_us", "billed_s", "allowance_s")}
    return UsageRow(row.tenant, row.month, LegDirection(row.direction), row.calls, **summed)
