"""Wires the payment gateway into the daemon, and runs the tasks that keep in step with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pbxbilling.accounts.facts import AccountsChanged
from pbxbilling.config.sections import StripeSettings
from pbxbilling.daemon.tasks.supervisor import Supervisor
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock
from pbxbilling.payments.invoice_usage import UsageInvoicing
from pbxbilling.payments.late_usage import LateUsage
from pbxbilling.payments.payers import TenantPayers
from pbxbilling.payments.ports import PaymentGateway
from pbxbilling.payments.send_usage import Known, UsageSender
from pbxbilling.payments.usage_events import UsageEvents
from pbxbilling.subscriptions.adoption.adopt import Adoption
from pbxbilling.subscriptions.checkout import Checkout
from pbxbilling.subscriptions.follow import ACTOR, Follower
from pbxbilling.subscriptions.inbox import Inbox
from pbxbilling.subscriptions.manage import Subscriptions
from pbxbilling.subscriptions.order import SalePages
from pbxbilling.subscriptions.receive import WebhookReceiver
from pbxbilling.subscriptions.sync import Sync
from pbxbilling.web.api.services import PaymentServices
from pbxbilling.wiring.services import Ground


@dataclass(frozen=True, slots=True)
class Usage:
    """The parts that bring usage to the gateway: per leg as calls end, or invoiced by statement."""

    sender: UsageSender
    events: UsageEvents
    late: LateUsage
    invoicing: UsageInvoicing


@dataclass(frozen=True, slots=True)
class SubscriptionFlows:
    """The parts that follow the gateway's subscriptions, and those that sell through it."""

    webhook: WebhookReceiver
    inbox: Inbox
    sync: Sync
    checkout: Checkout
    subscriptions: Subscriptions
    adoption: Adoption


class Payments:
    """The webhook for `web`, the services for commands, and the tasks behind both."""

    def __init__(
        self,
        usage: Usage,
        flows: SubscriptionFlows,
        supervisor: Supervisor,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        """`close` closes the gateway's connections."""
        self.usage = usage
        self.flows = flows
        self._supervisor = supervisor
        self._close = close

    def services(self, ground: Ground) -> PaymentServices:
        """Return the services that commands about payments use."""
        return PaymentServices(
            self.flows.checkout,
            self.flows.subscriptions,
            ground.stores.subscription_store,
            self.usage.events,
            self.flows.adoption,
            self.usage.invoicing.issue,
        )

    def sink(self, fact: Fact) -> None:
        """Wake the inbox for changed accounts, as events may wait for them; pass facts on."""
        if isinstance(fact, AccountsChanged) and fact.actor != ACTOR.name:
            self.flows.inbox.accounts_changed()
        self.usage.late.sink(fact)
        self.usage.invoicing.sink(fact)

    async def run(self) -> None:
        """Run the tasks until cancelled; a failure of one does not affect the others."""
        jobs: Mapping[str, Callable[[], Awaitable[None]]] = {
            "post": self.flows.inbox.run,
            "drift": self.flows.sync.run,
            "meters": self.usage.sender.run,
            "late usage": self.usage.late.run,
            "invoicing": self.usage.invoicing.run,
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, job in jobs.items():
                    tasks.create_task(self._supervisor.keep_running(name, job), name=name)
        finally:
            await self._close()


def wire_gateway(
    stripe: StripeSettings,
    pages: SalePages,
    ground: Ground,
    known_until: Known,
    live_calls: Callable[[str], int],
    supervisor: Supervisor,
) -> Payments | None:
    """Wire Stripe; return None, without loading its library, where it is off.

    `live_calls` counts a tenant's calls that a gateway may have to charge.
    """
    if not stripe.enabled:
        return None
    gateway = _stripe(stripe, ground.clock)
    usage = wire_usage(ground, gateway, known_until)
    flows = wire_flows(ground, gateway, pages, usage, live_calls)
    return Payments(usage, flows, supervisor, gateway.close)


def wire_usage(ground: Ground, gateway: PaymentGateway, known_until: Known) -> Usage:
    """Wire usage; `known_until` returns for each PBX before when its ended legs are settled."""
    stores, registry = ground.stores, ground.in_force.registry
    sender = UsageSender(
        gateway.meter,
        stores.meters,
        stores.metered,
        TenantPayers(registry, stores.subscription_store, live=gateway.gateway.live),
        known_until,
        ground.clock,
        ground.emit,
    )
    invoicing = UsageInvoicing(
        gateway.invoices,
        stores.statement_store,
        stores.invoice_runs,
        stores.invoiced,
        registry,
        ground.clock,
        ground.emit,
    )
    late = LateUsage(
        stores.subscription_store,
        stores.minutes,
        ground.clock,
        ground.emit,
        gateway=gateway.gateway.name,
        live=gateway.gateway.live,
    )
    return Usage(
        sender, UsageEvents(stores.meters, stores.metered, ground.accounts), late, invoicing
    )


def wire_flows(
    ground: Ground,
    gateway: PaymentGateway,
    pages: SalePages,
    usage: Usage,
    live_calls: Callable[[str], int],
) -> SubscriptionFlows:
    """Wire events and sales; events from webhook and reconciliation both go through the inbox."""
    stores, clock, emit = ground.stores, ground.clock, ground.emit
    mirror, live = stores.subscription_store, gateway.gateway.live
    follower = Follower(
        ground.accounts,
        mirror,
        clock,
        ground.in_force,
        gateway=gateway.gateway.name,
        live=live,
    )
    inbox = Inbox(
        gateway.gateway,
        gateway.webhook_reader,
        follower,
        mirror,
        clock,
        emit,
        usage.sender.reported,
    )
    subscriptions = Subscriptions(
        gateway.checkout,
        ground.accounts,
        mirror,
        follower,
        clock,
        usage.events.unsent,
        live_calls,
    )
    return SubscriptionFlows(
        WebhookReceiver(
            gateway.webhook_reader, stores.records, clock, emit, inbox.arrived, live=live
        ),
        inbox,
        Sync(gateway.gateway, follower, stores.cursors, mirror, clock, emit, inbox.arrived),
        Checkout(
            gateway.checkout, ground.accounts, mirror, follower, clock, ground.in_force, pages
        ),
        subscriptions,
        Adoption(gateway.gateway, ground.accounts, mirror, subscriptions, clock, ground.in_force),
    )


def _stripe(stripe: StripeSettings, clock: Clock) -> PaymentGateway:
    from pbxbilling.gateways.stripe.checkout import StripeCheckout
    from pbxbilling.gateways.stripe.client import StripeApi
    from pbxbilling.gateways.stripe.gateway import StripeGateway
    from pbxbilling.gateways.stripe.invoices import StripeInvoices
    from pbxbilling.gateways.stripe.meter import StripeMeter
    from pbxbilling.gateways.stripe.signature import StripeWebhooks

    api = StripeApi(stripe.secret_key.get_secret_value(), stripe.api_base)
    secrets = [secret.get_secret_value() for secret in stripe.webhook_secrets]
    return PaymentGateway(
        StripeGateway(api, clock),
        StripeWebhooks(secrets, clock),
        StripeCheckout(api, clock),
        StripeMeter(api),
        StripeInvoices(api),
        api.close,
    )
