"""Work out the periods of a tenant that are not closed, and those that its statements name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.history import NO_HISTORY, History
from pbxbilling.billing.periods import period_from
from pbxbilling.billing.rating.in_force import contradicts_at, plans_in
from pbxbilling.billing.records import FINAL, SavedStatement
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.period import Period

NO_PLANS: Mapping[str, Plan] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OpenPeriods:
    """A tenant's periods that are not closed, in order, up to the current one; one or more.

    `saved` are the tenant's statements by period and number, without their documents; `history` is
    what was in force.
    """

    tenant: Tenant
    saved: Sequence[SavedStatement]
    every: Sequence[Period]
    history: History = NO_HISTORY

    @property
    def first(self) -> Period:
        """The first period not closed."""
        return self.every[0]

    @property
    def began(self) -> datetime:
        """Where billing began."""
        return min([self.first.begins, *(one.begins for one in self.finals)])

    @property
    def finals(self) -> list[SavedStatement]:
        """The final statements of the closed periods."""
        return [one for one in self.saved if one.is_final]

    def next_number(self, month: str) -> int:
        """Return the number of the next interim copy of a period."""
        return 1 + max((one.number for one in self.saved if one.month == month), default=FINAL)

    def at(self, at: datetime) -> Period:
        """Return the open period that contains an instant. Raises AdministrationError: none."""
        found = [one for one in self.every if one.begins <= at < one.ends]
        if not found:
            begins, ends = self.first.begins, self.every[-1].ends
            msg = f"{at} is in no open period of {self.tenant.slug}: expected {begins} to {ends}"
            raise AdministrationError(msg)
        return found[0]

    def billable_month(self, month: str | None) -> str:
        """Return the name of a period that can still be charged; None: the current one.

        Raises AdministrationError for one that is closed.
        """
        if month is None:
            return self.every[-1].month
        if month < self.first.month:
            slug, first = self.tenant.slug, self.first.month
            msg = f"period {month} of {slug} is closed: put it on {first} or later"
            raise AdministrationError(msg)
        return month

    def named(self, month: str | None) -> Period:
        """Return the period of that name: an open one, or one before billing began.

        None: the current one. Raises AdministrationError for one that is closed or still to come.
        """
        slug = self.tenant.slug
        found = [one for one in self.every if month in (None, one.month)]
        if found or month is None:
            return found[-1]
        if month in {one.month for one in self.finals}:
            show = f"statement show {slug} --month {month}"
            msg = f"period {month} of {slug} is closed: `{show}` prints its statement"
            raise AdministrationError(msg)
        name, _, _ = month.partition(".")
        calendar = self.tenant.period_of(name)
        if calendar.begins >= self.first.begins:
            msg = f"{slug} has no period {month} yet: the current one is {self.every[-1].month}"
            raise AdministrationError(msg)
        return replace(calendar, ends=min(calendar.ends, self.first.begins))


def open_periods(
    tenant: Tenant,
    begins: datetime,
    now: datetime,
    saved: Sequence[SavedStatement] = (),
    history: History = NO_HISTORY,
    plans: Mapping[str, Plan] = NO_PLANS,
) -> OpenPeriods:
    """Return the periods from `begins` until that of `now`.

    Each ends as the tenant's terms said where it began: what changes later moves the next ones.
    Without `saved` the name of a second period of a month may be that of the first; without `plans`
    none ends early because two of them contradict one another.
    """
    taken = {one.month for one in saved if one.is_final}
    periods: list[Period] = []
    while not periods or periods[-1].ends <= now:
        period = _period_from(begins, tenant, history, taken, plans)
        periods.append(period)
        taken.add(period.month)
        begins = period.ends
    return OpenPeriods(tenant, saved, periods, history)


def _period_from(
    begins: datetime,
    tenant: Tenant,
    history: History,
    taken: Collection[str],
    plans: Mapping[str, Plan],
) -> Period:
    then = history.tenant(tenant, begins)
    lead = None if then.demo else history.lead_at(begins)
    bought, cycles = (() if then.demo else history.bought), (() if then.demo else history.cycles)
    period = period_from(begins, then, lead, cycles, taken, bought)
    if tenant.plan not in plans:
        return period
    found = plans_in(tenant, period, history, plans)
    return replace(period, ends=contradicts_at(found, led=lead is not None) or period.ends)
