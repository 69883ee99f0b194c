"""What is kept of billing, to rows and back."""

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
    """The row of a statement."""
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
    """The statement of a row, which may lack its document."""
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
    """The row of a leg on a statement."""
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
    """The leg on a statement of a row."""
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
    """The row of a one-off line."""
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
    """The one-off line of a row."""
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
    """A one-off line is on a final statement, for good."""
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
    """The parameters of a one-off line's use; a column's own name is taken by its SET."""
    return {
        "of_tenant": record.tenant,
        "of_number": record.number,
        "to_used_in": record.month,
    }


def switched_values(record: PlanSwitched) -> Values:
    """The row of a change of plan."""
    return {
        "tenant": record.tenant,
        "at": to_us(record.at),
        "before": record.before,
        "after": record.after,
    }


def switched_record(row: Row[Any]) -> PlanSwitched:
    """The change of plan of a row."""
    return PlanSwitched(row.tenant, instant(row.at), row.before, row.after)


def units_values(record: UnitsUsed) -> Values:
    """The row of units."""
    return {
        "reference": storable(record.reference),
        "tenant": record.tenant,
        "meter": record.meter,
        "units": record.units,
        "at": to_us(record.at),
    }


def units_record(row: Row[Any]) -> UnitsUsed:
    """The units of a row."""
    return UnitsUsed(row.reference, row.tenant, row.meter, row.units, instant(row.at))
