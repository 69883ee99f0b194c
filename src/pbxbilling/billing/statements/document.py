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
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement, Cycle
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.period import Period
from pbxbilling.runtime.flat import Codec, Entry, Flat, word

Json = Mapping[str, Any]

_INSTANT = Codec(datetime.isoformat, datetime.fromisoformat)
_PAYER = Flat(
    Payer,
    *(Entry(name, name) for name in ("name", "address", "email", "vat_id", "tax_exempt")),
)
_LINE = Flat(
    StatementLine,
    Entry("key", "key"),
    Entry("kind", "kind", word(LineKind)),
    Entry("text", "text"),
    Entry("quantity", "quantity"),
    Entry("unit", "unit"),
    Entry("rate_micros", "rate_micros"),
    Entry("per", "per"),
    Entry("amount_minor", "amount"),
    Entry("tax_rate_bp", "tax_rate_bp"),
    Entry("tax_minor", "tax"),
    Entry("begins_at", "begins", _INSTANT.or_none),
    Entry("ends_at", "ends", _INSTANT.or_none),
)
_DESTINATION = Flat(
    DestinationRate,
    Entry("prefix", "prefix"),
    Entry("per_minute_micros", "per_minute_micros"),
    Entry("name", "name"),
    Entry("since", "since", Codec(date.isoformat, date.fromisoformat)),
    Entry("in_allowance", "in_allowance"),
)
_TARIFF = Flat(
    TariffVersion,
    Entry("begins_at", "begins", _INSTANT),
    Entry("ends_at", "ends", _INSTANT),
    Entry("plan", "tariff.plan"),
    Entry("name", "tariff.name"),
    Entry("currency", "tariff.currency"),
    Entry("cycle", "tariff.cycle", word(Cycle)),
    Entry("price_minor", "tariff.price"),
    Entry("setup_fee_minor", "tariff.setup_fee"),
    Entry("included_minutes", "tariff.included_minutes"),
    Entry(
        "included_directions",
        "tariff.included_directions",
        Codec(sorted, lambda words: frozenset(map(LegDirection, words))),
    ),
    Entry("overage_per_minute_micros", "tariff.overage_per_minute_micros"),
    Entry("price_per_call_micros", "tariff.price_per_call_micros"),
    Entry("billing_increment", "tariff.billing_increment", Codec(str, BillingIncrement.parse)),
    Entry("tax_rate_bp", "tariff.tax_rate_bp"),
    Entry(
        "destinations",
        "tariff.destinations",
        Codec(
            lambda rates: list(map(_DESTINATION.write, rates)),
            lambda rates: tuple(map(_DESTINATION.read, rates)),
        ),
    ),
    Entry("timezone", "tariff.timezone"),
    Entry("demo", "tariff.demo"),
    Entry("emergency_charged", "tariff.emergency_charged"),
    parts={"tariff": Tariff},
)
_BEFORE: dict[str, Any] = {"emergency_charged": True}  # in statements that do not say it yet
_LEG = Flat(
    RatedLeg,
    Entry("leg", "leg.key", Codec(str, ChannelKey.parse)),
    Entry("direction", "leg.direction", word(LegDirection)),
    Entry("number", "leg.number"),
    Entry("ended_at", "leg.ended_at", _INSTANT),
    Entry("talk_us", "leg.talk_us"),
    Entry("billed_s", "billed_s"),
    Entry("included_s", "included_s"),
    Entry("charged_s", "charged_s"),
    Entry("rate_micros", "rate_micros"),
    Entry("line", "line"),
    Entry("fee_micros", "fee_micros"),
    Entry("fee_line", "fee_line"),
    Entry("estimated", "leg.estimated"),
    Entry("over_limit", "leg.over_limit"),
    Entry("emergency", "leg.emergency"),
    parts={"leg": UsedLeg},
)


def as_json(statement: Statement) -> dict[str, Any]:
    """Convert a statement to plain values, in the order in which a person would read it."""
    return {
        **document_of(statement),
        "legs": list(map(_LEG.write, statement.legs)),
        "late": list(map(_LEG.write, statement.late)),
    }


def document_of(statement: Statement) -> dict[str, Any]:
    """Convert what is saved as a statement's document: all but its legs, which have rows."""
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
        "free_emergency_legs": statement.free_emergency_legs,
        "lines": list(map(_LINE.write, statement.lines)),
        "payer": _PAYER.write(statement.payer),
        "tariffs": list(map(_TARIFF.write, statement.tariff_versions)),
    }


def statement_from(written: Json) -> Statement:
    """Parse a statement that `as_json` wrote; sums are computed again from its lines.

    A saved document lacks the legs: they have rows of their own.
    """
    return Statement(
        payer=Payer(tenant=written["tenant"], **written["payer"]),
        period=Period(
            written["month"],
            datetime.fromisoformat(written["begins_at"]),
            datetime.fromisoformat(written["ends_at"]),
        ),
        kind=StatementKind(written["kind"]),
        made_at=datetime.fromisoformat(written["made_at"]),
        currency=written["currency"],
        demo=written["demo"],
        lines=tuple(map(_LINE.read, written["lines"])),
        tariff_versions=tuple(_TARIFF.read(_BEFORE | one) for one in written["tariffs"]),
        legs=tuple(map(_LEG.read, written.get("legs", ()))),
        allowance_s=written["included_s"],
        used_s=written["used_s"],
        late=tuple(map(_LEG.read, written.get("late", ()))),
    )
