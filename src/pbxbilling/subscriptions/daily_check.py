"""The daily check: book trials and grace windows that have ended, at the instant they ended.

Calls do not depend on it: `Tenant.status_at` judges them by the clock. The check saves the
transitions, for the audit trail and for those notified of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.status import TRANSITIONS, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.kernel.audit import Actor, system
from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.ports import Clock, Cursors
from pbxbilling.kernel.records import Cursor
from pbxbilling.subscriptions.facts import DailyCheckDone
from pbxbilling.subscriptions.ports import SubscriptionStore

ACTOR = system("daily check")
CURSOR = "daily_check"
_ENDING = TRANSITIONS[Transition.GRACE_ENDED].before  # few of 100,000 tenants have one of these
_A_DAY = timedelta(days=1)


def transitions_due(tenant: Tenant, at: datetime, grace_days: int) -> Iterator[TenantChange]:
    """Yield the transitions of a tenant that are due by `at` and not booked yet.

    An ended trial with an ended grace window gives two transitions, in order; the `status_since`
    of each is the instant at which it became due. A demo has none.
    """
    lived, over = tenant.status_at(at, grace_days), tenant.granted_until(grace_days)
    if lived is tenant.status:
        return
    if tenant.status is Status.TRIAL:
        waits = replace(tenant, status=Status.GRACE_PERIOD, status_since=tenant.trial_until)
        yield TenantChange(tenant, waits, Transition.TRIAL_ENDED)
        tenant = waits
    if lived is Status.READ_ONLY:
        ended = replace(tenant, status=Status.READ_ONLY, status_since=over)
        yield TenantChange(tenant, ended, Transition.GRACE_ENDED)


class Renewal(NamedTuple):
    """The begin of a tenant's new period on the plan that it still has."""

    tenant: str
    plan: str
    at: datetime


def notices(renewals: Iterable[Renewal], since: datetime, at: datetime) -> tuple[str, ...]:
    """Return sentences for the operator: tenants renewed on a deactivated plan in (since, at]."""
    return tuple(
        f"tenant {tenant}: its period was renewed on {renewed:%Y-%m-%d} with plan {plan}, which is"
        " deactivated: choose another one for it"
        for tenant, plan, renewed in sorted(renewals)
        if since < renewed <= at
    )


@dataclass(frozen=True, slots=True)
class TransitionDue:
    """A due transition of a tenant's status; `since` is when it became due."""

    tenant: str
    transition: Transition
    before: Status
    after: Status
    since: datetime | None


@dataclass(frozen=True, slots=True)
class DailyReport:
    """What was due at `at`, and whether it was `booked`; `last` is the previous run, None: none."""

    at: datetime
    last: datetime | None
    transitions: tuple[TransitionDue, ...]
    notices: tuple[str, ...]
    booked: bool


class DailyCheck:
    """Finds what is due and books it in one transaction with the time of the run.

    So each transition is booked once, however often the run is retried. Raises StoreError; then
    nothing was booked.
    """

    def __init__(
        self,
        writer: AccountWriter,
        subscription_store: SubscriptionStore,
        cursors: Cursors,
        clock: Clock,
        in_force: InForce,
    ) -> None:
        self._writer = writer
        self._subscription_store = subscription_store
        self._cursors = cursors
        self._clock = clock
        self._in_force = in_force

    async def is_due(self, hour: DailyHour) -> bool:
        """Return whether the check has not run since `hour` last came round."""
        return hour.is_due(await self._cursors.cursor(CURSOR), self._clock.now())

    @again_if_stale
    async def run(self, actor: Actor = ACTOR, *, dry_run: bool = False) -> DailyReport:
        """Book what is due now; `dry_run` only reports it."""
        async with self._writer.alone:
            at = self._clock.now()
            last = await self._cursors.cursor(CURSOR)
            changes = self._changes(at)
            notes = notices(await self._renewals(at), last or at - _A_DAY, at)
            if not dry_run:
                tenants = len({change.after.slug for change in changes})
                done = DailyCheckDone(at, tenants, len(changes), notes)
                also = [Cursor(CURSOR, at)]
                await self._writer.write(ACTOR.name, changes, actor, also, SetBy.CLOCK, [done])
        return DailyReport(
            at, last, tuple(map(_transition_due, changes)), notes, booked=not dry_run
        )

    def _changes(self, at: datetime) -> list[TenantChange]:
        grace_days, tenants = self._in_force.grace_days, self._writer.registry.tenants.values()
        ending = [tenant for tenant in tenants if tenant.status in _ENDING]
        return [change for tenant in ending for change in transitions_due(tenant, at, grace_days)]

    async def _renewals(self, at: datetime) -> list[Renewal]:
        """Return the current periods of tenants on a deactivated plan, by subscription if any."""
        registry = self._writer.registry
        old = {slug for slug, plan in registry.plans.items() if not plan.active}
        renewals = []
        for tenant in [one for one in registry.tenants.values() if one.plan in old]:
            begins: datetime | None = tenant.period_at(at).begins
            if tenant.subscription is not None:
                mirrored = await self._subscription_store.subscription(tenant.subscription)
                begins = mirrored.period_start if mirrored is not None else None
            if begins is not None:
                renewals.append(Renewal(tenant.slug, tenant.plan, begins))
        return renewals


def _transition_due(change: TenantChange) -> TransitionDue:
    before, after = change.before or change.after, change.after
    transition = change.transition or Transition.DECLARED
    return TransitionDue(after.slug, transition, before.status, after.status, after.status_since)
