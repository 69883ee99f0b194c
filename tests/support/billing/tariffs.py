"""Tariffs, legs and the month of both, with irrelevant fields filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pbxbilling.billing.rating.rating import UsedLeg
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.catalog.plan import PER_MINUTE, Cycle
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.period import Period, period_of

NOVEMBER = period_of("2026-11", "UTC")


def moment(day: float, second: float = 0) -> datetime:
    """Return a moment so many days and seconds into November 2026; day 1 is its first."""
    return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=day - 1, seconds=second)


def tariff(**changed: Any) -> Tariff:
    """Return 204.00 EUR a month with 500 minutes, 0.50 for each beyond, no tax."""
    fields: dict[str, Any] = {
        "plan": "voice-500",
        "name": "Voice 500",
        "currency": "EUR",
        "cycle": Cycle.MONTH,
        "price": 204_00,
        "setup_fee": 249_00,
        "included_minutes": 500,
        "included_directions": frozenset({LegDirection.OUTBOUND}),
        "overage_per_minute_micros": 500_000,
        "price_per_call_micros": 0,
        "billing_increment": PER_MINUTE,
        "tax_rate_bp": 0,
    }
    return Tariff(**(fields | changed))


def throughout(tariff: Tariff, period: Period) -> tuple[TariffVersion, ...]:
    """Return one tariff for the whole of a period."""
    return (TariffVersion(tariff, period.begins, period.ends),)


def all_month(**changed: Any) -> tuple[TariffVersion, ...]:
    """Return that tariff for all of November."""
    return throughout(tariff(**changed), NOVEMBER)


def used(seconds: float, day: float = 2, leg: str = "pbx1:1", **changed: Any) -> UsedLeg:
    """Return an outbound leg to Germany of so many seconds, ended on a day of November."""
    fields: dict[str, Any] = {
        "key": ChannelKey.parse(leg),
        "direction": LegDirection.OUTBOUND,
        "number": "4930123456",
        "ended_at": moment(day),
        "talk_us": round(seconds * 1_000_000),
    }
    return UsedLeg(**(fields | changed))
