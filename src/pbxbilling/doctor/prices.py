"""Checks that a plan's prices in Stripe charge what the plan says, in Stripe's own unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from pbxbilling.catalog.plan import SOLD_CYCLES, Plan
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.doctor.usage_price import Meters, usage_faults
from pbxbilling.gateways.stripe.audit_objects import PriceFound
from pbxbilling.gateways.stripe.currencies import exact_amount, in_words, is_chargeable, unit_of
from pbxbilling.kernel.errors import GatewayError, RejectedError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.money import from_minor

Found = PriceFound | GatewayError | None

_DUE = {
    0: "once",
    1: "by the month",
    3: "by the quarter",
    6: "by the half-year",
    12: "by the year",
    None: "by days or weeks",
}


class Wanted(NamedTuple):
    """What a price must be; `amount` is in minor units, None: the plan has none for that."""

    key: str
    ident: str
    months: int
    amount: int | None
    metered: bool = False


def wanted_prices(plan: Plan) -> tuple[Wanted, ...]:
    """Return what each key of a plan's `stripe_prices` must be."""
    ids, prices = plan.prices_at(STRIPE), plan.prices
    return (
        *(
            Wanted(key, ids.of(cycle), cycle.months, prices.get(cycle))
            for cycle, key in SOLD_CYCLES.items()
        ),
        Wanted("metered", ids.metered, 1, None, metered=True),
        Wanted("setup", ids.setup, 0, plan.setup_fee),
    )


def priced(plan: Plan) -> Iterator[str]:
    """Yield the ids of a plan's prices."""
    return (wanted.ident for wanted in wanted_prices(plan) if wanted.ident)


def judge_plan(
    plan: Plan, found: Mapping[str, Found], meters: Meters, *, live: bool
) -> Iterator[Check]:
    """Check every price that the plan names, and report those that it lacks.

    `meters` are those of its prices, by id.
    """
    try:
        unit_of(plan.currency)
    except RejectedError as fault:
        if any(priced(plan)):
            fix = "give the plan another currency, or no stripe_prices; then `apply`"
            yield fail(f"plan {plan.slug}", "currency", str(fault), fix)
        return
    for wanted in wanted_prices(plan):
        if wanted.ident:
            yield _judge(plan, wanted, found[wanted.ident], meters, live=live)
        else:
            yield from _absent(plan, wanted)


def _absent(plan: Plan, wanted: Wanted) -> Iterator[Check]:
    """Report a missing price id, unless the plan charges nothing for that key."""
    subject, fix = (
        f"plan {plan.slug}",
        f"write its id into stripe_prices.{wanted.key}, then `apply`",
    )
    if wanted.metered and plan.overage_per_minute_micros:
        yield warn(
            subject,
            wanted.key,
            "no price: Stripe will not bill minutes beyond those included",
            fix,
        )
    elif wanted.amount and wanted.key == "setup" and any(priced(plan)):
        yield fail(subject, wanted.key, "no price: with a setup_fee it cannot be sold", fix)
    elif wanted.amount:
        yield warn(subject, wanted.key, f"no price: not for sale {_DUE[wanted.months]}", fix)


def _judge(plan: Plan, wanted: Wanted, found: Found, meters: Meters, *, live: bool) -> Check:
    subject = f"plan {plan.slug}"
    if isinstance(found, GatewayError):
        return fail(subject, wanted.key, str(found), "then run this again")
    if found is None or found.live is not live:
        mode = "live" if live else "test"
        fix = f"write the id of a {mode} price into stripe_prices.{wanted.key}, then `apply`"
        return fail(subject, wanted.key, f"{wanted.ident} is not in {mode} mode", fix)
    faults = [*_faults(plan, wanted, found, meters)]
    if faults:
        fix = (
            f"write another price into stripe_prices.{wanted.key}, or change the plan; then `apply`"
        )
        return fail(subject, wanted.key, f"{found.id} {', and '.join(faults)}", fix)
    if _charges_what_is_included(plan, found):
        fault = f"{found.id} charges every minute, but the plan includes {plan.included_minutes}"
        return warn(subject, wanted.key, fault, "make its tiers graduated, the first one free")
    return ok(subject, wanted.key, f"{found.id}: {_amount(found)}, {_due(found)}")


def _faults(plan: Plan, wanted: Wanted, found: PriceFound, meters: Meters) -> Iterator[str]:
    if not found.active:
        yield "is archived at Stripe"
    if found.currency != plan.currency:
        yield f"is in {found.currency}, the plan in {plan.currency}"
    if found.months != wanted.months:
        yield f"is due {_due(found)}, and not {_DUE[wanted.months]}"
    if found.metered is not wanted.metered:
        yield "is metered" if found.metered else "is not metered"
    if found.divided:
        yield "divides quantities before it charges them"
    if found.currency != plan.currency:
        return
    if wanted.metered:
        yield from usage_faults(plan, found, meters)
    elif fault := _wrong_amount(plan, wanted, found):
        yield fault


def _wrong_amount(plan: Plan, wanted: Wanted, found: PriceFound) -> str | None:
    """Return why one of a price does not cost what the plan says."""
    cost = _cost_of_one(found)
    if wanted.amount is None:
        return f"costs {_words(cost, found)}, the plan names no price for that"
    ours = f"{from_minor(wanted.amount, plan.currency)} {plan.currency}"
    if cost != exact_amount(wanted.amount, plan.currency):
        return f"costs {_words(cost, found)}, the plan {ours}"
    if not is_chargeable(wanted.amount, plan.currency):
        return f"costs {ours}, which Stripe cannot charge: its last digits must be 0"
    return None


def _cost_of_one(found: PriceFound) -> Decimal | None:
    if found.unit is not None:
        return found.unit
    return found.tiers[0].flat + found.tiers[0].unit if found.tiers else None


def _charges_what_is_included(plan: Plan, found: PriceFound) -> bool:
    """Return whether a metered price charges included minutes, as one without tiers does."""
    return found.metered and found.unit is not None and plan.included_minutes != 0


def _amount(found: PriceFound) -> str:
    if found.metered and found.tiers:
        last = found.tiers[-1]
        return f"in {len(found.tiers)} tiers, then {_words(last.unit, found)} a minute"
    return _words(_cost_of_one(found), found)


def _words(cost: Decimal | None, found: PriceFound) -> str:
    return "an amount that its customer chooses" if cost is None else in_words(cost, found.currency)


def _due(found: PriceFound) -> str:
    return _DUE.get(found.months) or f"every {found.months} months"
