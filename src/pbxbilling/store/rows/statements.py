"""Maps statements, their legs, one-off lines, plan switches and units to rows and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, Row, bindparam, update

from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.billing.records import BilledLeg, OneOffEntry, OneOffUsed, SavedStatement
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.store import schema
from pbxbilling.store.rows.values import Values, instant, storable, to_us


def statement_values(record: SavedStatement) -> Values:
    """Build the row of a statement."""
    return {
        "tenant": record.tenant,
        "month": record.month,
        "number": record.number,
        "begins": to_us(record.begins),
        "ends": to_us(record.ends),
        "made_at": to_us(record.made_at),
        "currency": record.currency,
        "net": record.net,
        "tax": record.tax,
        "total": record.total,
        "document": dict(record.document),
    }


def statement_record(row: Row[Any]) -> SavedStatement:
    """Build a statement from its row, which may lack the document."""
    return SavedStatement(
        tenant=row.tenant,
        month=row.month,
        number=row.number,
        begins=instant(row.begins),
        ends=instant(row.ends),
        made_at=instant(row.made_at),
        currency=row.currency,
        net=row.net,
        tax=row.tax,
        total=row.total,
        document=getattr(row, "document", {}),
    )


def billed_values(record: BilledLeg) -> Values:
    """Build the row of a leg on a statement."""
    return {
        "pbx": record.key.pbx,
        "uniqueid": storable(record.key.uniqueid),
        "month": record.month,
        "of_month": record.of_month,
        "tenant": record.tenant,
        "direction": record.direction.value,
        "number": storable(record.number),
        "ended_at": to_us(record.ended_at),
        "talk_us": record.talk_us,
        "billed_s": record.billed_s,
        "included_s": record.included_s,
        "charged_s": record.charged_s,
        "rate_micros": record.rate_micros,
        "line": record.line,
        "fee_micros": record.fee_micros,
        "fee_line": record.fee_line,
        "estimated": record.estimated,
        "over_limit": record.over_limit,
        "emergency": record.emergency,
    }


def billed_record(row: Row[Any]) -> BilledLeg:
    """Build a leg on a statement from its row."""
    return BilledLeg(
        tenant=row.tenant,
        month=row.month,
        of_month=row.of_month,
        key=ChannelKey(row.pbx, row.uniqueid),
        direction=LegDirection(row.direction),
        number=row.number,
        ended_at=instant(row.ended_at),
        talk_us=row.talk_us,
        billed_s=row.billed_s,
        included_s=row.included_s,
        charged_s=row.charged_s,
        rate_micros=row.rate_micros,
        line=row.line,
        fee_micros=row.fee_micros,
        fee_line=row.fee_line,
        estimated=row.estimated,
        over_limit=row.over_limit,
        emergency=row.emergency,
    )


def one_off_values(record: OneOffEntry) -> Values:
    """Build the row of a one-off line."""
    return {
        "tenant": record.tenant,
        "number": record.number,
        "month": record.month,
        "kind": record.kind,
        "reason": storable(record.reason),
        "amount": record.amount,
        "currency": record.currency,
        "actor": storable(record.actor),
        "at": to_us(record.at),
        "used_in": record.used_in,
    }


def one_off_record(row: Row[Any]) -> OneOffEntry:
    """Build a one-off line from its row."""
    return OneOffEntry(
        tenant=row.tenant,
        number=row.number,
        month=row.month,
        kind=row.kind,
        reason=row.reason,
        amount=row.amount,
        currency=row.currency,
        actor=row.actor,
        at=instant(row.at),
        used_in=row.used_in,
    )


def use_one_off() -> Executable:
    """Return the UPDATE that marks a one-off line as used by a final statement, permanently."""
    row = schema.one_off.c
    return (
        update(schema.one_off)
        .where(
            row.tenant == bindparam("of_tenant"),
            row.number == bindparam("of_number"),
            row.used_in.is_(None),
        )
        .values(used_in=bindparam("to_used_in"))
    )


def used_values(record: OneOffUsed) -> Values:
    """Build the parameters of `use_one_off`; SET already uses a column's own name."""
    return {
        "of_tenant": record.tenant,
        "of_number": record.number,
        "to_used_in": record.month,
    }


def switched_values(record: PlanSwitched) -> Values:
    """Build the row of a plan switch."""
    return {
        "tenant": record.tenant,
        "at": to_us(record.at),
        "before": record.before,
        "after": record.after,
    }


def switched_record(row: Row[Any]) -> PlanSwitched:
    """Build a plan switch from its row."""
    return PlanSwitched(row.tenant, instant(row.at), row.before, row.after)


def units_values(record: UnitsUsed) -> Values:
    """Build the row of reported units."""
    return {
        "reference": storable(record.reference),
        "tenant": record.tenant,
        "meter": record.meter,
        "units": record.units,
        "at": to_us(record.at),
    }


def units_record(row: Row[Any]) -> UnitsUsed:
    """Build reported units from their row."""
    return UnitsUsed(row.reference, row.tenant, row.meter, row.units, instant(row.at))
