"""Records to rows and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Any

from sqlalchemy import Row

from pbxbilling.domain.admission import Direction, Mode, Outcome, Reason
from pbxbilling.domain.channel import ChannelKey, LegDirection
from pbxbilling.domain.charging import Charges, Charging
from pbxbilling.domain.destinations import DestinationRate
from pbxbilling.domain.plan import (
    LIMIT_NAMES,
    BillingIncrement,
    Cycle,
    Limits,
    Overage,
    Plan,
    StripePrices,
)
from pbxbilling.domain.records import (
    AuditRecord,
    CallRecord,
    DecisionRecord,
    EndWitness,
    LegAssigned,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.domain.standing import Blocker, Status
from pbxbilling.domain.tenant import Tenant
from pbxbilling.domain.units import UnitPrice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Values = dict[str, Any]


def to_us(at: datetime | None) -> int | None:
    """µs since the epoch, exact (a float of seconds would not be)."""
    if at is None:
        return None
    past = at - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def from_us(us: int | None) -> datetime | None:
    """The aware UTC instant of so many µs since the epoch."""
    return None if us is None else instant(us)


def instant(us: int) -> datetime:
    """As `from_us`, for columns that are never null."""
    return _EPOCH + timedelta(microseconds=us)


def storable(text: str) -> str:
    r"""Text as UTF-8 can hold it: a byte that the PBX sent and nobody could decode is `\udcXX`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def call_values(record: CallRecord) -> Values:
    """The row of a call."""
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
    """The call of a row."""
    return CallRecord(
        call=row.call,
        tenant=row.tenant,
        pbx=row.pbx,
        direction=Direction(row.direction),
        origin=row.origin,
        asker=row.asker,
        linkedid=row.linkedid,
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
    """The row of a trunk leg."""
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
    }


def leg_record(row: Row[Any]) -> LegRecord:
    """The trunk leg of a row."""
    return LegRecord(
        key=ChannelKey(row.pbx, row.uniqueid),
        call=row.call,
        tenant=row.tenant,
        direction=LegDirection(row.direction),
        channel=row.channel,
        linkedid=row.linkedid,
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
    )


def assigned_values(record: LegAssigned) -> Values:
    """The parameters of an assignment; `to_…` because a column's own name is taken by its SET."""
    return {
        "leg_pbx": record.key.pbx,
        "leg_uniqueid": storable(record.key.uniqueid),
        "to_tenant": record.tenant,
        "to_billed_s": record.billed_s,
        "to_allowance_s": record.allowance_s,
        "to_month": record.month,
    }


def decision_values(record: DecisionRecord) -> Values:
    """The row of a decision. All its text may come from a stranger on the hook's port."""
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
    """The decision of a row."""
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


def audit_values(record: AuditRecord) -> Values:
    """The row of an audit record."""
    return {
        "at": to_us(record.at),
        "actor": storable(record.actor),
        "action": record.action,
        "subject": storable(record.subject),
        "before": None if record.before is None else dict(record.before),
        "after": None if record.after is None else dict(record.after),
    }


def audit_record(row: Row[Any]) -> AuditRecord:
    """The audit record of a row."""
    return AuditRecord(instant(row.at), row.actor, row.action, row.subject, row.before, row.after)


def mark_values(record: PbxMark) -> Values:
    """The row of a PBX's mark."""
    return {
        "pbx": record.pbx,
        "heard_at": to_us(record.heard_at),
        "journal_file": storable(record.journal_file),
        "journal_offset": record.journal_offset,
    }


def mark_record(row: Row[Any]) -> PbxMark:
    """The PBX's mark of a row."""
    return PbxMark(row.pbx, from_us(row.heard_at), row.journal_file, row.journal_offset)


def plan_values(record: Plan) -> Values:
    """The row of a plan."""
    return {
        "slug": record.slug,
        "name": record.name,
        "description": record.description,
        "limits": {name: getattr(record.limits, name) for name in LIMIT_NAMES},
        "count_internal": record.count_internal,
        "included_minutes": record.included_minutes,
        "included_directions": _words(record.included_directions),
        "overage": record.overage.value,
        "currency": record.currency,
        "prices": {cycle.value: price for cycle, price in record.prices.items()},
        "setup_fee": record.setup_fee,
        "overage_per_minute_micros": record.overage_per_minute_micros,
        "price_per_call_micros": record.price_per_call_micros,
        "billing_increment": str(record.billing_increment),
        "tax_rate_bp": record.tax_rate_bp,
        "destinations": [_destination_values(rate) for rate in record.destinations],
        "meters": [asdict(price) for price in record.meters],
        "features": _words(record.features),
        "stripe_prices": asdict(record.stripe),
        "active": record.active,
        "recommended": record.recommended,
        "sort_order": record.sort_order,
    }


def plan_record(row: Row[Any]) -> Plan:
    """The plan of a row."""
    return Plan(
        slug=row.slug,
        name=row.name,
        description=row.description,
        limits=Limits(**row.limits),
        count_internal=row.count_internal,
        included_minutes=row.included_minutes,
        included_directions=frozenset(map(LegDirection, row.included_directions)),
        overage=Overage(row.overage),
        currency=row.currency,
        prices={Cycle(cycle): price for cycle, price in row.prices.items()},
        setup_fee=row.setup_fee,
        overage_per_minute_micros=row.overage_per_minute_micros,
        price_per_call_micros=row.price_per_call_micros,
        billing_increment=BillingIncrement.parse(row.billing_increment),
        tax_rate_bp=row.tax_rate_bp,
        destinations=tuple(map(_destination, row.destinations)),
        meters=tuple(UnitPrice(**price) for price in row.meters),
        features=frozenset(row.features),
        stripe=StripePrices(**row.stripe_prices),
        active=row.active,
        recommended=row.recommended,
        sort_order=row.sort_order,
    )


def _destination_values(rate: DestinationRate) -> Values:
    return asdict(rate) | {"since": rate.since.isoformat()}


def _destination(values: Values) -> DestinationRate:
    return DestinationRate(**values | {"since": date.fromisoformat(values["since"])})


def tenant_values(record: Tenant) -> Values:
    """The row of a tenant."""
    return {
        "slug": record.slug,
        "plan": record.plan,
        "name": record.name,
        "email": record.email,
        "address": record.address,
        "contacts": list(record.contacts),
        "vat_id": record.vat_id,
        "tax_exempt": record.tax_exempt,
        "status": record.status.value,
        "status_since": to_us(record.status_since),
        "blocks": _words(record.blocks),
        "trial_until": to_us(record.trial_until),
        "mode": record.mode and record.mode.value,
        "limits": dict(record.limits),
        "accountcodes": list(record.accountcodes),
        "dids": list(record.dids),
        "contexts": list(record.contexts),
        "timezone": record.timezone,
        "anchor_day": record.anchor_day,
        "demo": record.demo,
        "extensions": record.extensions,
        "customer": record.customer,
        "subscription": record.subscription,
        "renews_at": to_us(record.renews_at),
        "setup_paid_at": to_us(record.setup_paid_at),
        "charges": record.charging.way.value,
        "charges_before": record.charging.before.value,
        "charges_since": to_us(record.charging.since),
    }


def tenant_record(row: Row[Any]) -> Tenant:
    """The tenant of a row; what many have in common is kept once."""
    of = row._asdict()  # each column asked of the row itself costs as much as a dozen of these
    return Tenant(
        slug=of["slug"],
        plan=intern(of["plan"]),
        name=of["name"],
        email=of["email"],
        address=of["address"],
        contacts=tuple(of["contacts"]),
        vat_id=of["vat_id"],
        tax_exempt=of["tax_exempt"],
        status=Status(of["status"]),
        status_since=from_us(of["status_since"]),
        blocks=frozenset(map(Blocker, of["blocks"])),
        trial_until=from_us(of["trial_until"]),
        mode=Mode(of["mode"]) if of["mode"] else None,
        limits=of["limits"],
        accountcodes=tuple(of["accountcodes"]),
        dids=tuple(of["dids"]),
        contexts=tuple(of["contexts"]),
        timezone=intern(of["timezone"]),
        anchor_day=of["anchor_day"],
        demo=of["demo"],
        extensions=of["extensions"],
        customer=of["customer"],
        subscription=of["subscription"],
        renews_at=from_us(of["renews_at"]),
        setup_paid_at=from_us(of["setup_paid_at"]),
        charging=_charging(of["charges"], of["charges_before"], of["charges_since"]),
    )


@lru_cache(maxsize=1024)
def _charging(way: str, before: str, since_us: int | None) -> Charging:
    return Charging(Charges(way), Charges(before), from_us(since_us))


def usage_row(row: Row[Any]) -> UsageRow:
    """One group of the usage query. A sum is a Decimal on some databases."""
    return UsageRow(
        tenant=row.tenant,
        month=row.month,
        direction=LegDirection(row.direction),
        calls=row.calls,
        talk_us=int(row.talk_us),
        billed_s=int(row.billed_s),
        allowance_s=int(row.allowance_s),
    )


def _words(values: Iterable[str]) -> list[str]:
    return sorted(str(value) for value in values)
