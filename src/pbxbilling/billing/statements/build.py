"""Build a statement: turn charges, prices and one-off lines into lines with tax."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.proration import PricePart, Proration
from pbxbilling.billing.rating.rating import Rating
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion, TariffVersions
from pbxbilling.billing.statements.statement import (
    TAKES_AWAY,
    Adjustment,
    LineKind,
    OneOff,
    Payer,
    Statement,
    StatementKind,
    StatementLine,
)
from pbxbilling.catalog.plan import Cycle
from pbxbilling.catalog.rates import Charge
from pbxbilling.kernel.bounds import check_fits
from pbxbilling.kernel.errors import ContradictionError
from pbxbilling.kernel.money import tax_on
from pbxbilling.kernel.period import Period

_CYCLE_WORDS = {
    Cycle.MONTH: "a month",
    Cycle.QUARTER: "three months",
    Cycle.HALF_YEAR: "half a year",
    Cycle.YEAR: "a year",
}


def statement_of(
    tenant: Tenant,
    period: Period,
    kind: StatementKind,
    made_at: datetime,
    tariff_versions: TariffVersions,
    rating: Rating,
    *,
    prices: Iterable[PricePart] = (),
    changes: Iterable[Proration] = (),
    with_setup: bool = False,
    units: Iterable[Charge] = (),
    one_offs: Iterable[OneOff] = (),
    adjustments: Iterable[Adjustment] = (),
) -> Statement:
    """Build a tenant's statement for a period; `rating` used the same `tariff_versions`.

    `prices` is the part of the plan's price that is due: `price_parts(tariff_versions)` on a
    monthly cycle; on a longer one the parts of the cycle in the period where it begins, and
    `changes` where the plan changes later in it. `with_setup` charges the one-time setup fee,
    `units` is usage other than calls, `adjustments` are for periods closed before. Tax is at the
    last tariff's rate, on each line, half up. Raises ContradictionError for another currency
    and for amounts too large to store, ValueError where two lines have the same key.
    """
    tariff = tariff_versions[-1].tariff
    prices, changes, adjustments = tuple(prices), tuple(changes), tuple(adjustments)
    _refuse_other_currencies(
        tariff.currency,
        *(part.tariff_version.tariff.currency for part in prices),
        *(change.replaced.tariff.currency for change in changes),
        *(adjustment.currency for adjustment in adjustments),
    )
    lines = [
        *map(_price_line, prices),
        *(line for change in changes for line in _change_lines(change)),
        *(_setup_lines(tariff_versions) if with_setup else ()),
        *map(_charge_line, (*rating.charges, *units)),
        *map(_one_off_line, one_offs),
        *map(_adjustment_line, adjustments),
    ]
    _refuse_twins(lines)
    statement = Statement(
        payer=Payer.of(tenant),
        period=period,
        kind=kind,
        made_at=made_at,
        currency=tariff.currency,
        demo=tariff.demo,
        lines=tuple(_due(line, tariff) for line in lines),
        tariff_versions=tuple(tariff_versions),
        legs=rating.legs,
        late=tuple(leg for adjustment in adjustments for leg in adjustment.legs),
        allowance_s=rating.allowance_s,
        used_s=rating.used_s,
    )
    _refuse_what_cannot_be_kept(statement)
    return statement


def _refuse_what_cannot_be_kept(statement: Statement) -> None:
    for line in statement.lines:
        check_fits(line.amount, f"line {line.key}")
        check_fits(line.quantity, f"the quantity of line {line.key}")
    check_fits(statement.net, "the net sum")
    check_fits(statement.tax, "the tax")
    check_fits(statement.total, "the total")


def _due(line: StatementLine, tariff: Tariff) -> StatementLine:
    """Return the line with its tax; every line of a demo is 0."""
    amount = 0 if tariff.demo else line.amount
    tax = tax_on(amount, tariff.tax_rate_bp)
    return replace(line, amount=amount, tax=tax, tax_rate_bp=tariff.tax_rate_bp)


def _price_line(part: PricePart) -> StatementLine:
    return _plan_line("plan", part.tariff_version, part.amount, "" if part.whole else ", a part")


def _change_lines(change: Proration) -> Iterator[StatementLine]:
    """Credit the old price of the rest of a longer cycle and charge the new one."""
    before, after = change.replaced, change.tariff_versions[-1]
    yield _plan_line("unused", replace(before, begins=change.at), -change.credit, ", unused")
    yield _plan_line("changed", after, change.charge, ", a part")


def _plan_line(role: str, tariff_version: TariffVersion, amount: int, part: str) -> StatementLine:
    return StatementLine(
        key=f"{role}:{tariff_version.tariff.plan}:{tariff_version.begins.isoformat()}",
        kind=LineKind.PLAN,
        text=f"{tariff_version.tariff.name}, {_CYCLE_WORDS[tariff_version.tariff.cycle]}{part}",
        amount=amount,
        begins=tariff_version.begins,
        ends=tariff_version.ends,
    )


def _setup_lines(tariff_versions: TariffVersions) -> Iterator[StatementLine]:
    """Charge the highest setup fee of the period, so that a move within it does not dodge it."""
    tariff = max((one.tariff for one in reversed(tariff_versions)), key=lambda one: one.setup_fee)
    if tariff.setup_fee:
        text = f"Setup of {tariff.name}"
        yield StatementLine("setup", LineKind.SETUP, text, tariff.setup_fee)


def _charge_line(charge: Charge) -> StatementLine:
    return StatementLine(
        key=charge.key,
        kind=LineKind(charge.kind.value),
        text=charge.text,
        amount=charge.amount,
        quantity=charge.quantity,
        unit=charge.unit,
        per=charge.per,
        rate_micros=charge.rate_micros,
    )


def _one_off_line(one_off: OneOff) -> StatementLine:
    sign = -1 if one_off.kind in TAKES_AWAY else 1
    key = f"{one_off.kind}:{one_off.id}"
    return StatementLine(key, one_off.kind, one_off.reason, sign * one_off.amount)


def _adjustment_line(adjustment: Adjustment) -> StatementLine:
    text = f"Calls of {adjustment.month} that became known later"
    calls = len(adjustment.legs)
    return StatementLine(
        key=adjustment.key,
        kind=LineKind.ADJUSTMENT,
        text=text,
        amount=adjustment.amount,
        quantity=calls,
        unit="call",
    )


def _refuse_other_currencies(currency: str, *others: str) -> None:
    if strange := {*others} - {currency}:
        msg = f"a statement in {currency} cannot have lines in {', '.join(sorted(strange))}"
        raise ContradictionError(msg)


def _refuse_twins(lines: Iterable[StatementLine]) -> None:
    twins = [key for key, times in Counter(line.key for line in lines).items() if times > 1]
    if twins:
        msg = f"lines {', '.join(twins)} occur twice: they would be charged twice"
        raise ValueError(msg)
