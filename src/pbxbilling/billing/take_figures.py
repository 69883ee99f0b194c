"""Compute the business figures from the registry and the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import slugs_after
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.figures import FiguresTaken, TenantFigures, figures
from pbxbilling.billing.ports import StatementStore
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.period import Period, period_at, period_of
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.background import Background, at_once
from pbxbilling.subscriptions.facts import EventTaken
from pbxbilling.subscriptions.ports import SubscriptionStore
from pbxbilling.subscriptions.subscription import Invoice

_INVOICES = 12  # newest ones read of a past-due tenant: the gateway stops retrying much earlier


def moves_figures(fact: Fact) -> bool:
    """Return whether this fact may change the figures."""
    return isinstance(fact, AccountsChanged | StatusChanged | StatementSaved | EventTaken)


class Figures:
    """Computes the figures on demand. Raises StoreError."""

    def __init__(
        self,
        subscription_store: SubscriptionStore,
        statement_store: StatementStore,
        in_force: InForce,
        clock: Clock,
        in_background: Background = at_once,
    ) -> None:
        self._subscription_store = subscription_store
        self._statement_store = statement_store
        self._clock = clock
        self._in_force = in_force
        self._registry = in_force.registry
        self._in_background = in_background

    async def take(self, month: str | None = None) -> FiguresTaken:
        """Return the figures of now and of a month in the provider's time zone (None: this one)."""
        policy, at = self._in_force.policy, self._clock.now()
        period = self._month(month)
        subscriptions = {one.id: one for one in await self._subscription_store.subscriptions()}
        tenants = list(self._registry.tenants.values())
        unpaid = await self._unpaid(tenants)
        charged = await self._statement_store.charged(period.month)
        work = partial(
            figures,
            period,
            at,
            tenants,
            dict(self._registry.plans),
            subscriptions,
            unpaid,
            charged,
            policy.grace_days,
        )
        return FiguresTaken(at, period.month, await self._in_background(work))

    async def by_tenant(
        self, month: str | None, after: str | None, limit: int
    ) -> list[TenantFigures]:
        """Return what each tenant adds to the figures: of so many tenants, those after a slug.

        Demo tenants add nothing, and are not among them.
        """
        policy, at, period = self._in_force.policy, self._clock.now(), self._month(month)
        plans = dict(self._registry.plans)
        slugs = slugs_after(self._counted(plans), after, limit)
        tenants = [self._registry.tenants[slug] for slug in slugs]
        subscriptions = {one.id: one for one in await self._subscription_store.subscriptions()}
        unpaid: dict[str | None, list[Invoice]] = defaultdict(list)
        for invoice in await self._unpaid(tenants):
            unpaid[invoice.tenant].append(invoice)
        charged = await self._statement_store.charged_to(period.month, slugs)

        def work() -> list[TenantFigures]:
            return [
                TenantFigures(one.slug, one.status_at(at, policy.grace_days), each)
                for one in tenants
                for each in figures(
                    period,
                    at,
                    [one],
                    plans,
                    subscriptions,
                    unpaid[one.slug],
                    charged.get(one.slug, []),
                    policy.grace_days,
                )
            ]

        return await self._in_background(work)

    def _counted(self, plans: Mapping[str, Plan]) -> list[str]:
        tenants = self._registry.tenants.values()
        return [one.slug for one in tenants if one.plan in plans and not one.demo]

    def _month(self, month: str | None) -> Period:
        timezone = self._in_force.policy.timezone
        return period_of(month, timezone) if month else period_at(self._clock.now(), timezone)

    async def _unpaid(self, tenants: Sequence[Tenant]) -> list[Invoice]:
        owing = await self._in_background(partial(_owing, tenants))
        return [
            invoice
            for slug in owing
            for invoice in await self._subscription_store.invoices(tenant=slug, limit=_INVOICES)
        ]


def _owing(tenants: Iterable[Tenant]) -> list[str]:
    return [one.slug for one in tenants if one.status is Status.PAST_DUE and not one.demo]
