"""Make a statement from its material, with all that is saved with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pbxbilling.accounts.apply import Change, TenantChange
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.price_schedule import PriceSchedule, conditions
from pbxbilling.billing.rating.rating import UsedLeg, rate
from pbxbilling.billing.records import BilledLeg, OneOffEntry, OneOffUsed, SavedStatement
from pbxbilling.billing.statements.adjustments import adjustments
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.document import document_of
from pbxbilling.billing.statements.material import Material
from pbxbilling.billing.statements.statement import (
    Adjustment,
    LineKind,
    OneOff,
    Statement,
    StatementKind,
)
from pbxbilling.billing.units import unit_charges
from pbxbilling.catalog.rates import Charge
from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement, its legs as they are saved, and the one-off lines that are on it."""

    tenant: Tenant
    statement: Statement
    legs: tuple[BilledLeg, ...]
    one_offs: tuple[OneOffEntry, ...]

    def saved(self, number: int, unread: Sequence[str] = ()) -> SavedStatement:
        """Return the stored form of the statement; its legs are stored apart, as billed legs.

        `unread` are PBXes that may still hold calls of the period; a notice names each.
        """
        statement, period = self.statement, self.statement.period
        return SavedStatement(
            tenant=self.tenant.slug,
            month=period.month,
            number=number,
            begins=period.begins,
            ends=period.ends,
            made_at=statement.made_at,
            currency=statement.currency,
            net=statement.net,
            tax=statement.tax,
            total=statement.total,
            document={**document_of(statement), "number": number, "notices": _notices(unread)},
        )

    def kept_with_final(self) -> list[Record]:
        """Return what is saved with a final statement: its legs, and the use of one-off lines."""
        month = self.statement.period.month
        used = (OneOffUsed(entry.tenant, entry.number, month) for entry in self.one_offs)
        return [*self.legs, *used]

    def changes(self) -> Sequence[Change]:
        """Mark the setup fee as paid if the statement charges it, so that it is charged once."""
        tenant, statement = self.tenant, self.statement
        charges_setup = any(line.kind is LineKind.SETUP for line in statement.lines)
        if tenant.setup_paid_at is not None or self.statement.demo or not charges_setup:
            return ()
        paid = replace(tenant, setup_paid_at=statement.period.begins)
        return (TenantChange(tenant, paid),)


def make_draft(material: Material, kind: StatementKind, at: datetime) -> Draft:
    """Make the statement. Pure, but slow with many legs.

    One-off lines and adjustments in another currency wait for a statement in that currency. Raises
    ContradictionError where plans or prices contradict one another.
    """
    periods, period = material.periods, material.period
    tenant, history = periods.tenant, periods.history
    schedule = conditions(
        tenant,
        period,
        history,
        material.plans,
        periods.began,
        emergency_charged=material.emergency_charged,
    )
    currency = schedule.tariff_versions[-1].tariff.currency
    due = tuple(one for one in material.one_offs if _is_due(one, currency, material))
    changed = [one for one in material.changed if one.final.currency == currency]
    adjusted = tuple(adjustments(changed))
    rating = rate(map(UsedLeg.of, material.legs), schedule.tariff_versions)
    units = tuple(_units(material, schedule))
    statement = statement_of(
        history.at_end_of(tenant, period),
        period,
        kind,
        at,
        schedule.tariff_versions,
        rating,
        prices=schedule.prices,
        changes=schedule.changes,
        with_setup=schedule.with_setup,
        units=units,
        one_offs=[OneOff.of(entry) for entry in due],
        adjustments=adjusted,
    )
    return Draft(tenant, statement, tuple(_copies(statement, adjusted)), due)


def _is_due(entry: OneOffEntry, currency: str, material: Material) -> bool:
    """Return whether a line is for this statement; the next one has those of earlier periods."""
    month = material.period.month
    late = material.is_next and entry.month < month
    unused = entry.used_in is None and entry.currency == currency
    return unused and (late or entry.month == month)


def _units(material: Material, schedule: PriceSchedule) -> Iterator[Charge]:
    """Return charges for usage other than calls, by the plan at the period's end.

    They are free where the period ends in a trial.
    """
    tariff, history = schedule.tariff_versions[-1].tariff, material.periods.history
    until = history.at_end_of(material.periods.tenant, material.period).trial_until
    free = until is not None and until >= material.period.ends
    prices = history.plan_at_end_of(material.plans[tariff.plan], material.period).meters
    return unit_charges(material.units, prices, tariff.currency, free=free)


def _copies(statement: Statement, adjusted: Sequence[Adjustment]) -> Iterator[BilledLeg]:
    """Yield the legs of the period, then those of periods closed before."""
    tenant, month = statement.payer.tenant, statement.period.month
    for rated in statement.legs:
        yield BilledLeg(tenant, month, month, rated)
    yield from adjusted_legs(tenant, month, adjusted)


def adjusted_legs(tenant: str, month: str, adjusted: Iterable[Adjustment]) -> Iterator[BilledLeg]:
    """Yield the legs of periods closed before, as the statement of a month has them."""
    for one in adjusted:
        for rated in one.legs:
            yield BilledLeg(tenant, month, one.month, rated)


def _notices(unread: Sequence[str]) -> list[str]:
    return [
        f"PBX {pbx}: its calls until the period's end could not be read in time; what comes later"
        " is adjusted on the next statement"
        for pbx in unread
    ]
