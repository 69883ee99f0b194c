"""Convert statements to JSON and back without loss, for the store and for other programs.

Names and meanings never change, since saved statements are read for years; fields added later
have a default. Money is in minor units (`…_minor`), rates in millionths of the major unit
(`…_micros`), tax rates in hundredths of a per cent (`…_bp`), instants in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pbxbilling.billing.rating.rating import RatedLeg, UsedLeg
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion
from pbxbilling.billing.statements.statement import (
    LineKind,
    Payer,
    Statement,
    StatementKind,
    StatementLine,
)
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement, Cycle
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.period import Period

Json = Mapping[str, Any]


def as_json(statement: Statement) -> dict[str, Any]:
    """Convert a statement to plain values, in the order in which a person would read it."""
    return {
        "tenant": statement.payer.tenant,
        "month": statement.period.month,
        "begins_at": statement.period.begins.isoformat(),
        "ends_at": statement.period.ends.isoformat(),
        "kind": statement.kind.value,
        "made_at": statement.made_at.isoformat(),
        "currency": statement.currency,
        "demo": statement.demo,
        "net_minor": statement.net,
        "tax_minor": statement.tax,
        "total_minor": statement.total,
        "included_s": statement.allowance_s,
        "used_s": statement.used_s,
        "estimated_legs": statement.estimated_legs,
        "lines": [_line(line) for line in statement.lines],
        "payer": _payer(statement.payer),
        "tariffs": [
            _tariff_version(tariff_version) for tariff_version in statement.tariff_versions
        ],
        "legs": [_leg(rated) for rated in statement.legs],
        "late": [_leg(rated) for rated in statement.late],
    }


def statement_from(written: Json) -> Statement:
    """Parse a statement that `as_json` wrote; sums are computed again from its lines.

    A saved document lacks the legs: they have rows of their own.
    """
    return Statement(
        payer=Payer(tenant=written["tenant"], **written["payer"]),
        period=Period(written["month"], _at(written["begins_at"]), _at(written["ends_at"])),
        kind=StatementKind(written["kind"]),
        made_at=_at(written["made_at"]),
        currency=written["currency"],
        demo=written["demo"],
        lines=tuple(map(_line_from, written["lines"])),
        tariff_versions=tuple(map(_tariff_version_from, written["tariffs"])),
        legs=tuple(map(_leg_from, written.get("legs", ()))),
        allowance_s=written["included_s"],
        used_s=written["used_s"],
        late=tuple(map(_leg_from, written.get("late", ()))),
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe_at(text: str | None) -> datetime | None:
    return None if text is None else _at(text)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _payer(payer: Payer) -> dict[str, Any]:
    return {
        "name": payer.name,
        "address": payer.address,
        "email": payer.email,
        "vat_id": payer.vat_id,
        "tax_exempt": payer.tax_exempt,
    }


def _line(line: StatementLine) -> dict[str, Any]:
    return {
        "key": line.key,
        "kind": line.kind.value,
        "text": line.text,
        "quantity": line.quantity,
        "unit": line.unit,
        "rate_micros": line.rate_micros,
        "per": line.per,
        "amount_minor": line.amount,
        "tax_rate_bp": line.tax_rate_bp,
        "tax_minor": line.tax,
        "begins_at": _iso(line.begins),
        "ends_at": _iso(line.ends),
    }


def _line_from(written: Json) -> StatementLine:
    return StatementLine(
        key=written["key"],
        kind=LineKind(written["kind"]),
        text=written["text"],
        quantity=written["quantity"],
        unit=written["unit"],
        rate_micros=written["rate_micros"],
        per=written["per"],
        amount=written["amount_minor"],
        tax_rate_bp=written["tax_rate_bp"],
        tax=written["tax_minor"],
        begins=_maybe_at(written["begins_at"]),
        ends=_maybe_at(written["ends_at"]),
    )


def _tariff_version(tariff_version: TariffVersion) -> dict[str, Any]:
    tariff = tariff_version.tariff
    return {
        "begins_at": tariff_version.begins.isoformat(),
        "ends_at": tariff_version.ends.isoformat(),
        "plan": tariff.plan,
        "name": tariff.name,
        "currency": tariff.currency,
        "cycle": tariff.cycle.value,
        "price_minor": tariff.price,
        "setup_fee_minor": tariff.setup_fee,
        "included_minutes": tariff.included_minutes,
        "included_directions": sorted(tariff.included_directions),
        "overage_per_minute_micros": tariff.overage_per_minute_micros,
        "price_per_call_micros": tariff.price_per_call_micros,
        "billing_increment": str(tariff.billing_increment),
        "tax_rate_bp": tariff.tax_rate_bp,
        "destinations": [_destination(rate) for rate in tariff.destinations],
        "timezone": tariff.timezone,
        "demo": tariff.demo,
    }


def _tariff_version_from(written: Json) -> TariffVersion:
    tariff = Tariff(
        plan=written["plan"],
        name=written["name"],
        currency=written["currency"],
        cycle=Cycle(written["cycle"]),
        price=written["price_minor"],
        setup_fee=written["setup_fee_minor"],
        included_minutes=written["included_minutes"],
        included_directions=frozenset(map(LegDirection, written["included_directions"])),
        overage_per_minute_micros=written["overage_per_minute_micros"],
        price_per_call_micros=written["price_per_call_micros"],
        billing_increment=BillingIncrement.parse(written["billing_increment"]),
        tax_rate_bp=written["tax_rate_bp"],
        destinations=tuple(map(_destination_from, written["destinations"])),
        timezone=written["timezone"],
        demo=written["demo"],
    )
    return TariffVersion(tariff, _at(written["begins_at"]), _at(written["ends_at"]))


def _destination(rate: DestinationRate) -> dict[str, Any]:
    return {
        "prefix": rate.prefix,
        "per_minute_micros": rate.per_minute_micros,
        "name": rate.name,
        "since": rate.since.isoformat(),
        "in_allowance": rate.in_allowance,
    }


def _destination_from(written: Json) -> DestinationRate:
    return DestinationRate(**{**written, "since": date.fromisoformat(written["since"])})


def _leg(rated: RatedLeg) -> dict[str, Any]:
    leg = rated.leg
    return {
        "leg": leg.id,
        "direction": leg.direction.value,
        "number": leg.number,
        "ended_at": leg.ended_at.isoformat(),
        "talk_us": leg.talk_us,
        "billed_s": rated.billed_s,
        "included_s": rated.included_s,
        "charged_s": rated.charged_s,
        "rate_micros": rated.rate_micros,
        "line": rated.line,
        "fee_micros": rated.fee_micros,
        "fee_line": rated.fee_line,
        "estimated": leg.estimated,
        "over_limit": leg.over_limit,
        "emergency": leg.emergency,
    }


def _leg_from(written: Json) -> RatedLeg:
    return RatedLeg(
        leg=UsedLeg(
            id=written["leg"],
            direction=LegDirection(written["direction"]),
            number=written["number"],
            ended_at=_at(written["ended_at"]),
            talk_us=written["talk_us"],
            estimated=written["estimated"],
            over_limit=written["over_limit"],
            emergency=written["emergency"],
        ),
        billed_s=written["billed_s"],
        included_s=written["included_s"],
        charged_s=written["charged_s"],
        rate_micros=written["rate_micros"],
        line=written["line"],
        fee_micros=written["fee_micros"],
        fee_line=written["fee_line"],
    )
