"""Maps calls, their trunk legs, decisions, PBX marks and usage to rows and back.

The names and Uniqueids that a call, its channels and its legs share are interned: calls restored
at a start, perhaps 50,000, hold them for as long as they live.

Calls, legs and decisions are mapped by hand: there is one of each for every call, and a `RowMapper`
takes twice as long to build a row.
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
from pbxbilling.store import schema
from pbxbilling.store.rows.row_mapper import RowMapper, instants, same, texts
from pbxbilling.store.rows.values import Values, from_us, instant, storable, to_us


def call_values(record: CallRecord) -> Values:
    """Build the row of a call."""
    return {
        "call": record.call,
        "tenant": record.tenant,
        "pbx": record.pbx,
        "direction": record.direction.value,
        "origin": storable(record.origin),
        "asker": storable(record.asker),
        "linkedid": storable(record.linkedid),
        "caller": storable(record.caller),
        "number": storable(record.number),
        "started_at": to_us(record.started_at),
        "answered_at": to_us(record.answered_at),
        "ended_at": to_us(record.ended_at),
        "hooked": record.hooked,
        "over_limit": record.over_limit,
        "emergency": record.emergency,
        "estimated": record.estimated,
        "merged_into": record.merged_into,
    }


def call_record(row: Row[Any]) -> CallRecord:
    """Build a call from its row."""
    return CallRecord(
        call=row.call,
        tenant=row.tenant and intern(row.tenant),
        pbx=intern(row.pbx),
        direction=Direction(row.direction),
        origin=intern(row.origin),
        asker=intern(row.asker),
        linkedid=intern(row.linkedid),
        caller=row.caller,
        number=row.number,
        started_at=instant(row.started_at),
        answered_at=from_us(row.answered_at),
        ended_at=from_us(row.ended_at),
        hooked=row.hooked,
        over_limit=row.over_limit,
        emergency=row.emergency,
        estimated=row.estimated,
        merged_into=row.merged_into,
    )


def leg_values(record: LegRecord) -> Values:
    """Build the row of a trunk leg."""
    return {
        "pbx": record.key.pbx,
        "uniqueid": storable(record.key.uniqueid),
        "call": record.call,
        "tenant": record.tenant,
        "direction": record.direction.value,
        "channel": storable(record.channel),
        "linkedid": storable(record.linkedid),
        "caller": storable(record.caller),
        "number": storable(record.number),
        "started_at": to_us(record.started_at),
        "answered_at": to_us(record.answered_at),
        "ended_at": to_us(record.ended_at),
        "talk_us": record.talk_us,
        "billed_s": record.billed_s,
        "allowance_s": record.allowance_s,
        "month": record.month,
        "witness": record.witness and record.witness.value,
        "over_limit": record.over_limit,
        "emergency": record.emergency,
        "answer_guessed": record.answer_guessed,
        "gone_by": to_us(record.gone_by),
    }


def leg_record(row: Row[Any]) -> LegRecord:
    """Build a trunk leg from its row."""
    return LegRecord(
        key=ChannelKey(intern(row.pbx), intern(row.uniqueid)),
        call=row.call,
        tenant=row.tenant and intern(row.tenant),
        direction=LegDirection(row.direction),
        channel=row.channel,
        linkedid=intern(row.linkedid),
        caller=row.caller,
        number=row.number,
        started_at=instant(row.started_at),
        answered_at=from_us(row.answered_at),
        ended_at=from_us(row.ended_at),
        talk_us=row.talk_us,
        billed_s=row.billed_s,
        allowance_s=row.allowance_s,
        month=row.month,
        witness=EndWitness(row.witness) if row.witness else None,
        over_limit=row.over_limit,
        emergency=row.emergency,
        answer_guessed=row.answer_guessed,
        gone_by=from_us(row.gone_by),
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


def decision_values(record: DecisionRecord) -> Values:
    """Build the row of a decision; any client of the hook's port may have sent its text."""
    return {
        "at": to_us(record.at),
        "pbx": record.pbx,
        "uniqueid": storable(record.uniqueid),
        "call": record.call,
        "tenant": record.tenant and storable(record.tenant),
        "direction": record.direction and record.direction.value,
        "caller": storable(record.caller),
        "number": storable(record.number),
        "mode": record.mode.value,
        "outcome": record.outcome.value,
        "reason": record.reason.value,
        "breach": record.breach and record.breach.value,
        "used": record.used,
        "limit": record.limit,
    }


def decision_record(row: Row[Any]) -> DecisionRecord:
    """Build a decision from its row."""
    return DecisionRecord(
        at=instant(row.at),
        pbx=row.pbx,
        uniqueid=row.uniqueid,
        call=row.call,
        tenant=row.tenant,
        direction=Direction(row.direction) if row.direction else None,
        caller=row.caller,
        number=row.number,
        mode=Mode(row.mode),
        outcome=Outcome(row.outcome),
        reason=Reason(row.reason),
        breach=Reason(row.breach) if row.breach else None,
        used=row.used,
        limit=row.limit,
    )


PBX_MARK = RowMapper(
    PbxMark,
    *same("pbx", "journal_offset"),
    *texts("journal_file"),
    *instants("heard_at", "lived_at"),
)


def usage_row(row: Row[Any]) -> UsageRow:
    """Build a usage row from a group of the usage query; some databases sum to a Decimal."""
    return UsageRow(
        tenant=row.tenant,
        month=row.month,
        direction=LegDirection(row.direction),
        calls=row.calls,
        talk_us=int(row.talk_us),
        billed_s=int(row.billed_s),
        allowance_s=int(row.allowance_s),
    )
