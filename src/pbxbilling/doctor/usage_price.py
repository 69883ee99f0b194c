"""Checks that a metered price counts the daemon's events, and charges minutes as the plan does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from pbxbilling.catalog.plan import Plan
from pbxbilling.gateways.stripe.audit_objects import MeterFound, PriceFound, Tier
from pbxbilling.gateways.stripe.currencies import exact_rate, in_words
from pbxbilling.gateways.stripe.meter import CUSTOMER, EVENT_NAME, VALUE
from pbxbilling.kernel.errors import GatewayError

Meters = Mapping[str, MeterFound | GatewayError | None]

_FREE = Decimal(0)


def usage_faults(plan: Plan, found: PriceFound, meters: Meters) -> Iterator[str]:
    """Yield what a metered price in the plan's currency does otherwise than the plan."""
    if found.tiers_mode == "volume":
        yield (
            "is in tiers by volume, which charge included minutes too, once they are used up: make"
            " them graduated"
        )
    elif found.tiers:
        yield from _tier_faults(plan, found)
    elif found.unit != _rate(plan):
        cost = "an amount in no known form" if found.unit is None else _words(found.unit, found)
        yield f"costs {cost} a minute, which is not overage_per_minute"
    if found.metered:
        yield from _meter_faults(found, meters)


def _tier_faults(plan: Plan, found: PriceFound) -> Iterator[str]:
    """Compare tiers with the plan's: the included minutes for nothing, then each at its rate."""
    if any(tier.flat for tier in found.tiers):
        yield "has a tier with a flat amount, which the plan has not"
        return
    theirs, ours = _joined(found.tiers), _joined(_tiers_of(plan))
    if theirs == ours:
        return
    free, wanted = _free_minutes(theirs), plan.included_minutes
    if free != wanted:
        yield f"has {_minutes(free)} without charge in its first tier, the plan {_minutes(wanted)}"
    rates = {tier.unit for tier in theirs} - {_FREE}
    if wanted is not None and rates != {_rate(plan)} - {_FREE}:
        listed = ", ".join(_words(rate, found) for rate in sorted(rates)) or "nothing"
        ours_a_minute = _words(_rate(plan), found)
        yield f"costs {listed} a minute beyond it, the plan's overage_per_minute {ours_a_minute}"
    elif free == wanted:
        yield "has other tiers than the plan: its first ones are not the free ones"


def _tiers_of(plan: Plan) -> Iterator[Tier]:
    if plan.included_minutes is None:
        yield Tier(None)
        return
    if plan.included_minutes:
        yield Tier(plan.included_minutes)
    yield Tier(None, _rate(plan))


def _joined(tiers: Iterable[Tier]) -> list[Tier]:
    """Return tiers without borders at which nothing changes."""
    joined: list[Tier] = []
    for tier in tiers:
        if joined and joined[-1].unit == tier.unit:
            joined.pop()
        joined.append(tier)
    return joined


def _free_minutes(tiers: list[Tier]) -> int | None:
    """Return the minutes of the first tier if it is free; None: they have no end."""
    return tiers[0].up_to if tiers[0].unit == _FREE else 0


def _meter_faults(found: PriceFound, meters: Meters) -> Iterator[str]:
    if found.meter is None:
        yield "has no meter, so no usage reaches it"
        return
    meter = meters.get(found.meter)
    if isinstance(meter, GatewayError):
        yield f"has a meter that could not be read ({meter})"
    elif meter is None:
        yield f"has a meter that Stripe does not know, {found.meter}"
    else:
        yield from _differences(meter)


def _differences(meter: MeterFound) -> Iterator[str]:
    if not meter.active:
        yield f"has an inactive meter, {meter.id}"
    for what, theirs, ours in (
        ("event name", meter.event_name, EVENT_NAME),
        ("aggregation", meter.formula, "sum"),
        ("customer key", meter.customer_key, CUSTOMER),
        ("value key", meter.value_key, VALUE),
    ):
        if theirs != ours:
            yield f'has a meter with the {what} "{theirs}", and the daemon sends "{ours}"'


def _rate(plan: Plan) -> Decimal:
    return exact_rate(plan.overage_per_minute_micros, plan.currency)


def _minutes(number: int | None) -> str:
    return "every minute" if number is None else f"{number} minutes"


def _words(rate: Decimal, found: PriceFound) -> str:
    return in_words(rate, found.currency)
