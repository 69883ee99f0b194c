"""Apply what the payment gateway says to mirrors and tenants, by whichever way it arrived.

All ways end in one place: a snapshot is merged into the mirror, and the tenant's status is derived
from all of its mirrored subscriptions. So an event that arrives twice, late or never makes no
difference in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeGuard

from pbxbilling.accounts.apply import Change, TenantChange
from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.accounts.records import Act, AuditRecord
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Registry, require_tenant
from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.kernel.audit import Actor, AuditEvent, system
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import Record
from pbxbilling.subscriptions.events import (
    UNFINISHED,
    EventMoved,
    EventState,
    Message,
    Topic,
    WebhookEvent,
)
from pbxbilling.subscriptions.facts import CycleOpened, Drifted, EventTaken, PaymentAlert
from pbxbilling.subscriptions.order import plan_sold_by
from pbxbilling.subscriptions.outcome import (
    FetchedState,
    changed_customer,
    note_on,
    state_after,
)
from pbxbilling.subscriptions.ports import SubscriptionStore
from pbxbilling.subscriptions.shared_meters import in_one_sum, shared_meters
from pbxbilling.subscriptions.subscription import (
    TRANSITION_TO,
    BillingCycle,
    Invoice,
    Subscription,
    follow,
    leading,
)

ACTOR = system("gateway")
ACTION = "subscription"

_LINK = Act(AuditEvent.SUBSCRIPTION_LINKED, "link")


class Follower:
    """Merges events and snapshots into mirrors and tenants.

    Raises StoreError; then nothing changed.
    """

    def __init__(
        self,
        writer: AccountWriter,
        subscription_store: SubscriptionStore,
        clock: Clock,
        in_force: InForce,
        *,
        gateway: GatewayName,
        live: bool,
    ) -> None:
        """`live` is the mode of our key: subscriptions of the other mode change no tenant."""
        self._gateway = gateway
        self._writer = writer
        self._registry: Registry = writer.registry
        self._subscription_store = subscription_store
        self._clock = clock
        self._in_force = in_force
        self.live = live

    @again_if_stale
    async def take(
        self, event: WebhookEvent, message: Message, fetched: FetchedState
    ) -> EventState:
        """Apply one event and return its new state; one that is finished changes nothing more."""
        async with self._writer.alone:
            if (finished := await self._finished(event)) is not None:
                return finished
            kept = await self._merged(message, fetched)
            tenant = await self._owner(message, kept)
            state = state_after(message, fetched, tenant)
            moved = EventMoved(event.id, state, event.attempts + 1)
            also: list[Record] = [moved, *await self._display(message, tenant)]
            changes: Sequence[Change] = ()
            cycle = await self._cycle(message, fetched, tenant)
            also += [cycle] if cycle is not None else []
            if kept is not None:
                kept = replace(kept, tenant=tenant)
                also.append(kept)
                changes = await self._changes(tenant, kept)
            facts = list(self._taken(event, message, state, tenant))
            facts += [_opened(self._clock.now(), cycle)] if cycle is not None else []
            facts += self._meter_alerts(changes)
            await self._writer.write(ACTION, changes, ACTOR, also, SetBy.GATEWAY, facts)
        return state

    @again_if_stale
    async def give_up(self, event: WebhookEvent, reason: str) -> None:
        """Mark an event as failed and alert the operator; the event stays stored."""
        moved = EventMoved(event.id, EventState.FAILED, event.attempts + 1, reason)
        alert = PaymentAlert(self._clock.now(), f"event {event.id} ({event.kind})", reason)
        async with self._writer.alone:
            if await self._finished(event) is None:
                await self._writer.write(ACTION, (), ACTOR, [moved], facts=[alert])

    async def _finished(self, event: WebhookEvent) -> EventState | None:
        """Return the state of an event that needs nothing more; None: it does."""
        stored = await self._subscription_store.webhook_event(event.id)
        return None if stored is None or stored.state in UNFINISHED else stored.state

    @again_if_stale
    async def apply_snapshot(
        self, snapshot: Subscription, act: AuditRecord | None = None
    ) -> Subscription:
        """Apply a snapshot of a subscription and return its mirror afterwards.

        `act` is the audit row of our own command that caused the snapshot, and is saved with it;
        without one, any change is one that no event reported (`Drifted`).
        """
        async with self._writer.alone:
            stored = await self._subscription_store.subscription(snapshot.id)
            kept = snapshot if stored is None else stored.followed_by(snapshot)
            tenant = await self._find_tenant(kept.customer, kept.tenant)
            kept = replace(kept, tenant=tenant)
            changes = await self._changes(tenant, kept)
            also: list[Record] = [kept] if kept != stored else []
            also += [act] if act else []
            missed = act is None and (stored is None or _matter(stored) != _matter(kept))
            facts: list[Fact] = [Drifted(self._clock.now(), kept.id, tenant)] if missed else []
            facts += self._meter_alerts(changes)
            await self._writer.write(ACTION, changes, ACTOR, also, SetBy.GATEWAY, facts)
        return kept

    @again_if_stale
    async def apply_invoice(self, snapshot: Invoice) -> None:
        """Apply a snapshot of a mirrored invoice; its tenant stays."""
        async with self._writer.alone:
            known = await self._subscription_store.invoice(snapshot.id)
            if known is None:
                return
            kept = replace(snapshot, tenant=known.tenant)
            if kept != replace(known, as_of=kept.as_of):
                await self._writer.write(ACTION, (), ACTOR, [kept])

    @again_if_stale
    async def link(
        self,
        subscription: str,
        slug: str,
        actor: Actor,
        check: Callable[[Tenant, Subscription], None] | None = None,
    ) -> Subscription | None:
        """Link a subscription to a tenant, overriding what it says itself; None: it is unknown.

        `check` raises AdministrationError where the tenant cannot have it, as both are then.
        """
        async with self._writer.alone:
            stored = await self._subscription_store.subscription(subscription)
            if stored is None:
                return None
            if check is not None:
                check(require_tenant(self._registry, slug), stored)
            kept = replace(stored, tenant=slug)
            subject, before, after = (
                f"subscription {subscription}",
                {"tenant": stored.tenant},
                {"tenant": slug},
            )
            audit = self._writer.audit(_LINK, subject, actor, before, after, slug)
            left = await self._changes(stored.tenant, kept) if stored.tenant != slug else ()
            changes = [*left, *await self._changes(slug, kept)]
            await self._writer.write(_LINK.action, changes, actor, [kept, audit], SetBy.GATEWAY)
        return kept

    def shared_meters(self) -> list[str]:
        """Return a sentence for each customer that the usage of several tenants goes to."""
        found = shared_meters(self._registry.tenants.values(), self._clock.now())
        return [in_one_sum(customer, slugs, self._gateway) for customer, slugs in found]

    async def ours(self, slug: str) -> list[Subscription]:
        """Return a tenant's subscriptions as last seen, those of our key's mode."""
        found = await self._subscription_store.subscriptions(tenant=slug)
        return [one for one in found if one.live is self.live]

    # --- tenants and changes ------------------------------------------------------------------

    async def _merged(self, message: Message, fetched: FetchedState) -> Subscription | None:
        """Return the mirror after this event; None: no subscription is known."""
        if message.subscription_id is None:
            return None
        stored = await self._subscription_store.subscription(message.subscription_id)
        if fetched.found is not None:
            return fetched.found if stored is None else stored.followed_by(fetched.found)
        told = message.subscription
        if fetched.reached or told is None or (stored is not None and not stored.yields_to(told)):
            return stored
        return told if stored is None else stored.followed_by(told)

    async def _owner(self, message: Message, kept: Subscription | None) -> str | None:
        """Find the tenant of an event: an operator's link first, then subscription, then event.

        A tenant that the payer claims counts only if the event's customer is that tenant's own.
        """
        customer = message.customer_id if kept is None else kept.customer
        claimed = self._registry.tenants.get(message.claimed) if message.claimed else None
        claim = claimed.slug if claimed and customer and claimed.customer == customer else None
        return await self._find_tenant(
            customer, kept.tenant if kept else None, message.tenant, claim
        )

    async def _find_tenant(self, customer: str | None, *slugs: str | None) -> str | None:
        """Return the first of these tenants that exists, else the one linked to the customer."""
        for slug in slugs:
            if slug in self._registry.tenants:
                return slug
        mirrored = await self._subscription_store.customer(customer) if customer else None
        if mirrored is not None and mirrored.tenant in self._registry.tenants:
            return mirrored.tenant
        return None

    async def _cycle(
        self, message: Message, fetched: FetchedState, tenant: str | None
    ) -> BillingCycle | None:
        """Return the cycle that a paid invoice opens; None: there is none, or it is saved."""
        paid, opens = message.invoice, message.opens
        if tenant is None or paid is None or paid.paid_at is None or opens is None:
            return None
        ends = _end_of(opens.begins, fetched.found) or opens.ends
        if ends is None or paid.subscription is None or message.live is not self.live:
            return None
        cycle = BillingCycle(paid.id, tenant, paid.subscription, opens.begins, ends)
        known = await self._subscription_store.cycles(tenant)
        return None if any(cycle.is_same(one) for one in known) else cycle

    async def _changes(self, slug: str | None, kept: Subscription) -> Sequence[Change]:
        """Return the changes of a tenant that follow from its mirrors; `kept` replaces its own."""
        tenant = self._registry.tenants.get(slug) if slug else None
        if tenant is None:
            return ()
        known = {
            one.id: one for one in await self._subscription_store.subscriptions(tenant=tenant.slug)
        }
        known[kept.id] = kept
        ours = [
            one for one in known.values() if one.live is self.live and one.tenant == tenant.slug
        ]
        lead = leading(ours)
        if lead is None:
            return (_unlinked(tenant),) if tenant.subscription == kept.id else ()
        plan = plan_sold_by(self._registry.plans, lead.prices)
        after = follow(tenant, ours, plan, self._clock.now(), self._in_force.grace_days)
        since = lead.sells_since(tenant.subscription, self._clock.now())
        return (TenantChange(tenant, after, TRANSITION_TO[lead.status], since),)

    def _meter_alerts(self, changes: Sequence[Change]) -> Iterator[PaymentAlert]:
        """Yield an alert for each changed tenant whose usage another's customer gets as well."""
        after = {one.after.slug: one.after for one in changes if _has_new_customer(one)}
        if not after:
            return
        at, new = self._clock.now(), {tenant.customer for tenant in after.values()}
        for customer, slugs in shared_meters((self._registry.tenants | after).values(), at):
            if customer in new:
                yield PaymentAlert(at, self._gateway, in_one_sum(customer, slugs, self._gateway))

    async def _display(self, message: Message, tenant: str | None) -> list[Record]:
        """Return customers and invoices to save, for display and to match later events."""
        records: list[Record] = []
        if message.invoice is not None:
            records.append(replace(message.invoice, tenant=tenant))
        if message.customer_id is not None and (tenant or message.customer):
            stored = await self._subscription_store.customer(message.customer_id)
            records += changed_customer(message, tenant, stored)
        return records

    def _taken(
        self, event: WebhookEvent, message: Message, state: EventState, tenant: str | None
    ) -> Iterator[Fact]:
        at = self._clock.now()
        note = note_on(state, self._gateway)
        if tenant is None and message.claimed in self._registry.tenants:
            note += f"; its payer claims that it is for {message.claimed}, which proves nothing"
        yield EventTaken(at, event.id, event.kind, state, tenant, note)
        if message.topic is Topic.TRIAL_ENDS_SOON and event.attempts == 0:
            yield PaymentAlert(at, f"tenant {tenant or '-'}", message.note)


def _end_of(begins: datetime, subscription: Subscription | None) -> datetime | None:
    """Return the end of the subscription's current cycle if that begins at `begins`, else None."""
    if subscription is None or subscription.period_start != begins:
        return None
    return subscription.period_end


def _opened(at: datetime, cycle: BillingCycle) -> CycleOpened:
    return CycleOpened(at, cycle.tenant, cycle.invoice, cycle.begins, cycle.ends)


def _has_new_customer(change: Change) -> TypeGuard[TenantChange]:
    if not isinstance(change, TenantChange) or change.after.customer is None:
        return False
    return change.before is None or change.before.customer != change.after.customer


def _unlinked(tenant: Tenant) -> TenantChange:
    """Undo what a subscription did to a tenant that it turned out not to belong to."""
    after = replace(tenant, status=Status.ACTIVE, subscription=None, customer=None, renews_at=None)
    return TenantChange(tenant, after, Transition.DECLARED)


def _matter(subscription: Subscription) -> tuple[object, ...]:
    """Return the fields of a subscription that affect its tenant."""
    return (
        subscription.status,
        subscription.prices,
        subscription.period_end,
        subscription.cancel_at_period_end,
        subscription.renews_at,
        subscription.tenant,
    )
