"""Draft a statement: read everything that it is made from, then make it in one pure step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.rating.price_schedule import conditions
from pbxbilling.billing.rating.rating import UsedLeg, rate
from pbxbilling.billing.rating.tariff import Tariff
from pbxbilling.billing.records import BilledLeg, OneOffEntry, OneOffUsed, SavedStatement
from pbxbilling.billing.statements.adjustments import adjustments, latest, period_of_end
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.document import as_json
from pbxbilling.billing.statements.statement import LineKind, OneOff, Statement, StatementKind
from pbxbilling.billing.units import unit_charges
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.catalog.plan import Plan
from pbxbilling.catalog.rates import Charge
from pbxbilling.kernel.period import Period
from pbxbilling.kernel.records import Record
from pbxbilling.subscriptions.subscription import Subscription

LATE_UNTIL = timedelta(days=366)  # after a period's end; legs that arrive later are not billed


@dataclass(frozen=True, slots=True)
class Material:
    """The input of one statement; `late`, `moved` and `copies` are as in `adjustments`."""

    tenant: Tenant
    period: Period
    plans: Mapping[str, Plan]
    subscription: Subscription | None
    switches: Sequence[PlanSwitched]
    legs: Sequence[LegRecord]
    one_offs: Sequence[OneOffEntry]
    units: Mapping[str, int]
    closed: Sequence[SavedStatement] = ()
    late: Sequence[LegRecord] = ()
    moved: Sequence[BilledLeg] = ()
    copies: Sequence[BilledLeg] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement, and what is saved with it once it is final."""

    statement: Statement
    legs: tuple[BilledLeg, ...]
    one_offs: tuple[OneOffEntry, ...]
    charges_setup: bool

    def kept_with(self) -> Iterator[Record]:
        """Yield the records to save with a final statement, in the same transaction."""
        yield from self.legs
        for entry in self.one_offs:
            yield OneOffUsed(entry.tenant, entry.number, self.statement.period.month)


async def gather(
    statement_store: StatementStore,
    tenant: Tenant,
    period: Period,
    plans: Mapping[str, Plan],
    subscription: Subscription | None,
    *,
    is_next: bool,
) -> Material:
    """Read the input of a period's statement.

    `is_next` says that this is the first period not closed: late legs and lines go on it.
    """
    entries = [one for one in await statement_store.one_offs(tenant.slug) if one.used_in is None]
    due = [one for one in entries if _is_due(one, period, is_next=is_next)]
    legs = await statement_store.legs_between(tenant.slug, period.begins, period.ends)
    switches = await statement_store.plan_switches(tenant.slug, period.begins)
    units = await statement_store.units_between(tenant.slug, period.begins, period.ends)
    material = Material(tenant, period, plans, subscription, switches, legs, due, units)
    return await _with_late(statement_store, material) if is_next else material


def _is_due(entry: OneOffEntry, period: Period, *, is_next: bool) -> bool:
    return entry.month == period.month or (is_next and entry.month < period.month)


async def _with_late(statement_store: StatementStore, material: Material) -> Material:
    slug, begins = material.tenant.slug, material.period.begins
    closed = [
        one
        for one in await statement_store.statements(tenant=slug, documents=False)
        if one.is_final and one.ends > begins - LATE_UNTIL
    ]
    if not closed:
        return material
    late = await statement_store.late_legs(slug, closed[0].begins, begins)
    homes = {leg.key: period_of_end(closed, leg) for leg in late}
    known = await statement_store.billed_copies([leg.key for leg in (*late, *material.legs)])
    moved = [
        copy
        for copy in latest(known).values()
        if copy.rated.leg.talk_us and _has_left(copy, homes.get(copy.key))
    ]
    concerned = {home.month for home in homes.values() if home} | {one.of_month for one in moved}
    if not concerned:  # the usual case: skip reading and rating earlier periods
        return material
    closed = [
        saved
        for one in closed
        if one.month in concerned
        for saved in await statement_store.statements(tenant=slug, month=one.month)
        if saved.is_final
    ]
    copies = [
        copy
        for month in sorted(concerned)
        for copy in sorted(
            await statement_store.billed(slug, of_month=month), key=lambda one: one.month
        )
    ]
    return replace(material, closed=closed, late=late, moved=moved, copies=copies)


def _has_left(copy: BilledLeg, home: SavedStatement | None) -> bool:
    """Return whether a leg ended outside the period its copy was charged in.

    `home` None means that it ended in the period now billed.
    """
    return home is None or home.month != copy.of_month


def drafted(material: Material, kind: StatementKind, at: datetime) -> Draft:
    """Make the statement. Pure, but slow with many legs.

    One-off lines and adjustments in another currency wait for a statement in that currency. Raises
    ContradictionError where plans or prices contradict one another.
    """
    tenant, period = material.tenant, material.period
    sold = conditions(tenant, period, material.switches, material.plans, material.subscription)
    currency = sold.tariff_versions[-1].tariff.currency
    closed = [one for one in material.closed if one.currency == currency]
    due = tuple(one for one in material.one_offs if one.currency == currency)
    rating = rate(map(UsedLeg.of, material.legs), sold.tariff_versions)
    adjusted = list(adjustments(material.late, material.moved, closed, material.copies))
    statement = statement_of(
        tenant,
        period,
        kind,
        at,
        sold.tariff_versions,
        rating,
        prices=sold.prices,
        changes=sold.changes,
        with_setup=sold.with_setup,
        units=_units(material, sold.tariff_versions[-1].tariff),
        one_offs=map(_one_off, due),
        adjustments=adjusted,
    )
    month = period.month
    own = (BilledLeg(tenant.slug, month, month, rated) for rated in statement.legs)
    later = (
        BilledLeg(tenant.slug, month, one.month, rated) for one in adjusted for rated in one.legs
    )
    return Draft(
        statement,
        (*own, *later),
        due,
        charges_setup=any(line.kind is LineKind.SETUP for line in statement.lines),
    )


def _units(material: Material, tariff: Tariff) -> Iterator[Charge]:
    """Return charges for usage other than calls, by the plan at the period's end.

    They are free where the period ends in a trial.
    """
    until = material.tenant.trial_until
    free = until is not None and until >= material.period.ends
    prices = material.plans[tariff.plan].meters
    return unit_charges(material.units, prices, tariff.currency, free=free)


def _one_off(entry: OneOffEntry) -> OneOff:
    return OneOff(str(entry.number), LineKind(entry.kind), entry.reason, entry.amount)


def saved_statement(
    statement: Statement, number: int, notices: Sequence[str] = ()
) -> SavedStatement:
    """Build the stored form of a statement; its legs are stored apart, as billed legs."""
    document = as_json(statement)
    del document["legs"], document["late"]
    period = statement.period
    return SavedStatement(
        tenant=statement.payer.tenant,
        month=period.month,
        number=number,
        begins=period.begins,
        ends=period.ends,
        made_at=statement.made_at,
        currency=statement.currency,
        net=statement.net,
        tax=statement.tax,
        total=statement.total,
        document={**document, "number": number, "notices": list(notices)},
    )
