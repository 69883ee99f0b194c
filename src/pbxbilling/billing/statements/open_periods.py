"""Work out the periods of a tenant that are not closed, and those that its statements name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.periods import period_from
from pbxbilling.billing.records import FINAL, SavedStatement
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.period import Period, period_of
from pbxbilling.subscriptions.subscription import BillingCycle, Subscription


@dataclass(frozen=True, slots=True)
class OpenPeriods:
    """A tenant's periods that are not closed, in order, up to the current one; one or more.

    `subscription` leads the tenant, or led it last; None for a demo. `saved` are the tenant's
    statements by period and number, without their documents.
    """

    tenant: Tenant
    subscription: Subscription | None
    saved: Sequence[SavedStatement]
    every: Sequence[Period]

    @property
    def first(self) -> Period:
        """The first period not closed."""
        return self.every[0]

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
        calendar = period_of(name, self.tenant.timezone, self.tenant.anchor_day)
        if calendar.begins >= self.first.begins:
            msg = f"{slug} has no period {month} yet: the current one is {self.every[-1].month}"
            raise AdministrationError(msg)
        return replace(calendar, ends=min(calendar.ends, self.first.begins))


def open_periods(
    tenant: Tenant,
    subscription: Subscription | None,
    cycles: Sequence[BillingCycle],
    begins: datetime,
    now: datetime,
    saved: Sequence[SavedStatement] = (),
) -> OpenPeriods:
    """Return the periods from `begins` until that of `now`; `cycles` are those of invoices.

    Without `saved` the name of a second period of a month may be that of the first.
    """
    taken = {one.month for one in saved if one.is_final}
    periods = [period_from(begins, tenant, subscription, cycles, taken)]
    while periods[-1].ends <= now:
        taken.add(periods[-1].month)
        periods.append(period_from(periods[-1].ends, tenant, subscription, cycles, taken))
    return OpenPeriods(tenant, subscription, saved, periods)
