"""Let an operator manage subscriptions: cancel them, reactivate them, link them to tenants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from pbxbilling.accounts.records import Act
from pbxbilling.accounts.terms.registry import require_tenant
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError, GatewayError, NotFoundError
from pbxbilling.kernel.gateway_names import COMMANDS
from pbxbilling.kernel.ports import Clock
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.ports import CheckoutGateway, SubscriptionStore
from pbxbilling.subscriptions.shared_meters import goes_to_meter, in_one_sum, shared_meters
from pbxbilling.subscriptions.subscription import Invoice, Subscription, leading

_CANCEL = Act(AuditEvent.SUBSCRIPTION_CANCELLED, "subscription cancel")
_CANCEL_NOW = Act(AuditEvent.SUBSCRIPTION_CANCELLED, "subscription cancel --now")
_REACTIVATE = Act(AuditEvent.SUBSCRIPTION_REACTIVATED, "subscription reactivate")


@dataclass(frozen=True, slots=True)
class SubscriptionResult:
    """A subscription after a command, with notes for the operator."""

    subscription: Subscription
    notes: tuple[str, ...] = ()


class Subscriptions:
    """Changes subscriptions at the gateway; the answer is in force at once.

    Raises AdministrationError, GatewayError, StoreError. After an error with `away` the gateway
    may have acted; its next event, or the same command again, brings the result.
    """

    def __init__(
        self,
        gateway: CheckoutGateway,
        writer: AccountWriter,
        subscription_store: SubscriptionStore,
        follower: Follower,
        clock: Clock,
        unsent: Callable[[str], Awaitable[int]],
        live_calls: Callable[[str], int],
    ) -> None:
        """`unsent` counts a tenant's calls that were not sent to the gateway's meter yet.

        `live_calls` counts those that have not ended.
        """
        self._gateway = gateway
        self._writer = writer
        self._subscription_store = subscription_store
        self._follower = follower
        self._clock = clock
        self._live_calls = live_calls
        self._unsent = unsent

    async def all(self, slug: str | None) -> list[Subscription]:
        """Return subscriptions as last seen, oldest first; of one tenant, or (None) of all."""
        if slug is not None:
            self._tenant(slug)
        return await self._subscription_store.subscriptions(tenant=slug)

    async def invoices(self, slug: str) -> list[Invoice]:
        """Return a tenant's invoices as last seen, newest first."""
        self._tenant(slug)
        return await self._subscription_store.invoices(tenant=slug)

    async def cancel(self, slug: str, actor: Actor, *, now: bool) -> SubscriptionResult:
        """End a tenant's subscription at once, or at the end of the paid period.

        Until it ends, calls pass and usage is billed.
        """
        tenant = self._tenant(slug)
        held = await self._held(tenant)
        if now:
            await self._check_usage_is_there(tenant)
            wanted = self._gateway.cancel_now(held.id)
            kept = await self._done(_CANCEL_NOW, tenant, held, actor, wanted)
            notes = [f"tenant {slug} is {self._tenant(slug).status} now"]
            notes.append("usage that was on no invoice yet is on a last one")
        else:
            wanted = self._gateway.cancel_at_period_end(held.id, on=True)
            kept = await self._done(_CANCEL, tenant, held, actor, wanted)
            notes = ["until it ends, calls pass and usage is billed"]
        return SubscriptionResult(kept, (*notes, *await self._others(slug, kept)))

    async def _check_usage_is_there(self, tenant: Tenant) -> None:
        """Raise AdministrationError while usage is unsent: the last invoice would lack it."""
        slug, live = tenant.slug, self._live_calls(tenant.slug)
        if live and goes_to_meter(tenant, self._clock.now()):
            calls = "1 call is" if live == 1 else f"{live} calls are"
            msg = (
                f"{calls} live of tenant {slug}, and what they use from now on would be on no"
                " invoice: try again when they have ended, or leave out --now"
            )
            raise AdministrationError(msg)
        waiting = await self._unsent(slug)
        if waiting:
            msg = (
                f"{waiting} calls of tenant {slug} have not reached {self._gateway.name}'s meter"
                f" yet, and would be on no invoice: try again in some seconds (`{COMMANDS} usage`"
                " shows what waits), or leave out --now"
            )
            raise AdministrationError(msg)

    async def reactivate(self, slug: str, actor: Actor) -> SubscriptionResult:
        """Continue a subscription that was set to end with its period."""
        tenant = self._tenant(slug)
        held = await self._held(tenant)
        wanted = self._gateway.cancel_at_period_end(held.id, on=False)
        kept = await self._done(_REACTIVATE, tenant, held, actor, wanted)
        if kept.is_over:
            raise _is_over(slug, kept)
        note = () if held.cancel_at_period_end else ("it was not cancelled",)
        return SubscriptionResult(kept, note)

    async def link(self, subscription: str, slug: str, actor: Actor) -> SubscriptionResult:
        """Link a subscription to a tenant, overriding what it says itself."""
        return await self._link(subscription, slug, actor, self._refuse)

    async def _link(
        self,
        subscription: str,
        slug: str,
        actor: Actor,
        check: Callable[[Tenant, Subscription], None],
    ) -> SubscriptionResult:
        if refused := self.why_not(self._tenant(slug), None, None):
            raise AdministrationError(refused)
        kept = await self._follower.link(subscription, slug, actor, check)
        if kept is None:
            msg = (
                f"subscription {subscription!r} is unknown: `pbxbilling subscriptions` lists the"
                f" known ones; the daemon fetches all from {self._gateway.name} hourly, and at its"
                " start"
            )
            raise NotFoundError(msg)
        return SubscriptionResult(kept)

    async def adopt(self, snapshot: Subscription, slug: str, actor: Actor) -> SubscriptionResult:
        """Link a subscription that was fetched from the gateway, and may have no mirror yet.

        Raises AdministrationError where another tenant has got it since.
        """
        if await self._subscription_store.subscription(snapshot.id) is None:
            await self._follower.apply_snapshot(snapshot)
        return await self._link(snapshot.id, slug, actor, self._refuse_anothers)

    def _refuse(self, tenant: Tenant, subscription: Subscription) -> None:
        """Raise AdministrationError where the tenant cannot have the subscription."""
        refused = self.why_not(tenant, subscription.customer, subscription)
        if refused:
            raise AdministrationError(refused)

    def _refuse_anothers(self, tenant: Tenant, subscription: Subscription) -> None:
        owner = subscription.tenant
        if owner != tenant.slug and owner in self._writer.registry.tenants:
            msg = f"subscription {subscription.id} is that of tenant {owner} already"
            raise AdministrationError(msg)
        self._refuse(tenant, subscription)

    def why_not(
        self, tenant: Tenant, customer: str | None, subscription: Subscription | None
    ) -> str:
        """Return why a tenant cannot have this customer, by this subscription; "": it can.

        A demo has none, and another tenant's usage must not go to the same customer's meter.
        """
        slug = tenant.slug
        if tenant.demo:
            return f"tenant {slug} is a demo, which cannot have a subscription: link another tenant"
        linked = replace(tenant, customer=customer)
        if not goes_to_meter(linked, self._clock.now()):
            return ""
        ident = subscription.id if subscription is not None else None
        others = [
            one
            for one in self._writer.registry.tenants.values()
            if one.customer == customer
            and one.slug != slug
            and (ident is None or one.subscription != ident)
        ]
        for shared, slugs in shared_meters([linked, *others], self._clock.now()):
            if shared == customer:
                return in_one_sum(shared, slugs, self._gateway.name)
        return ""

    async def _done(
        self,
        done: Act,
        tenant: Tenant,
        before: Subscription,
        actor: Actor,
        wanted: Awaitable[Subscription],
    ) -> Subscription:
        """Apply and audit the gateway's answer; audit a failure too, since it may have acted."""
        subject, was = f"tenant {tenant.slug}", _audited(before)
        try:
            snapshot = await wanted
        except GatewayError as fault:
            failed = {"subscription": before.id, "failed": str(fault)}
            row = self._writer.audit(done, subject, actor, was, failed, tenant.slug)
            await self._writer.note(row)
            raise
        row = self._writer.audit(done, subject, actor, was, _audited(snapshot), tenant.slug)
        return await self._follower.apply_snapshot(snapshot, row)

    def _tenant(self, slug: str) -> Tenant:
        return require_tenant(self._writer.registry, slug)

    async def _held(self, tenant: Tenant) -> Subscription:
        """Return the leading one of the tenant's subscriptions that are not over."""
        known = await self._follower.ours(tenant.slug)
        held = leading(one for one in known if not one.is_over)
        if held is not None:
            return held
        if known:
            raise _is_over(tenant.slug, known[-1])
        msg = (
            f"tenant {tenant.slug} has no subscription:"
            f" `{COMMANDS} checkout {tenant.slug} --plan P` sells one"
        )
        raise AdministrationError(msg)

    async def _others(self, slug: str, kept: Subscription) -> list[str]:
        return [
            f"tenant {slug} has another subscription, {other.id}, which is {other.status}"
            for other in await self._follower.ours(slug)
            if other.id != kept.id and not other.is_over
        ]


def _is_over(slug: str, held: Subscription) -> AdministrationError:
    return AdministrationError(
        f"subscription {held.id} of tenant {slug} is over for good:"
        f" `{COMMANDS} checkout {slug} --plan P` sells a new one"
    )


def _audited(one: Subscription) -> dict[str, Any]:
    return {
        "subscription": one.id,
        "status": one.status.value,
        "cancel_at_period_end": one.cancel_at_period_end,
    }
