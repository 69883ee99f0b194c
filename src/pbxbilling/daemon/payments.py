"""Everything about a payment gateway, joined: what the daemon holds while there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from pbxbilling.accounts.facts import AccountsChanged
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.daemon.stores import Stores
from pbxbilling.daemon.tasks.supervisor import Supervisor
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.payments.invoice_usage import UsageInvoicing
from pbxbilling.payments.ports import PaymentGateway
from pbxbilling.payments.send_usage import Known, UsageSender
from pbxbilling.payments.usage_events import UsageEvents
from pbxbilling.runtime.waiting import Backoff
from pbxbilling.subscriptions.checkout import Checkout
from pbxbilling.subscriptions.follow import ACTOR, Follower
from pbxbilling.subscriptions.inbox import Inbox
from pbxbilling.subscriptions.manage import Subscriptions
from pbxbilling.subscriptions.order import SalePages
from pbxbilling.subscriptions.receive import WebhookReceiver
from pbxbilling.subscriptions.sync import Sync

SOONEST_S, LATEST_S = 1.0, 60.0  # pauses of usage while the gateway cannot take it


class Payments:
    """The webhook for `web`, what commands are served with, and the tasks behind them."""

    def __init__(
        self,
        gateway: PaymentGateway,
        stores: Stores,
        writer: AccountWriter,
        clock: Clock,
        emit: EventSink,
        policy: Callable[[], Policy],
        pages: SalePages,
        known_until: Known,
        supervisor: Supervisor,
    ) -> None:
        """`known_until` says of each PBX before when its legs are settled."""
        self._supervisor = supervisor
        self._close = gateway.close
        live = gateway.gateway.live
        self.follower = Follower(
            writer,
            stores.subscription_store,
            clock,
            emit,
            lambda: policy().grace_days,
            gateway=gateway.gateway.name,
            live=live,
        )
        self.meters = UsageSender(
            gateway.meter,
            stores.meters,
            stores.records,
            lambda slug: _customer(writer, slug),
            known_until,
            clock,
            emit,
            Backoff(SOONEST_S, LATEST_S, Random()),  # noqa: S311 - for pauses
        )
        self.usage = UsageEvents(stores.meters, writer)
        self.invoicing = UsageInvoicing(
            gateway.invoices,
            stores.statement_store,
            stores.invoice_runs,
            stores.records,
            lambda: [tenant for _, tenant in sorted(writer.registry.tenants.items())],
            clock,
            emit,
        )
        self.post = Inbox(
            gateway.gateway,
            gateway.webhook_reader,
            self.follower,
            stores.subscription_store,
            clock,
            emit,
            self.meters.reported,
        )
        self.drift = Sync(
            gateway.gateway,
            self.follower,
            stores.cursors,
            stores.subscription_store,
            clock,
            emit,
            self.post.arrived,
        )
        self.webhook = WebhookReceiver(
            gateway.webhook_reader, stores.records, clock, emit, self.post.arrived, live=live
        )
        self.subscription_store = stores.subscription_store
        self.checkout = Checkout(
            gateway.checkout_gateway,
            writer,
            stores.subscription_store,
            self.follower,
            clock,
            policy,
            pages,
            asyncio.Lock,
        )
        self.subscriptions = Subscriptions(
            gateway.checkout_gateway,
            writer,
            stores.subscription_store,
            self.follower,
            self.usage.unsent,
        )

    def sink(self, fact: Fact) -> None:
        """Hear of new accounts, for which events may have waited, and of new statements."""
        if isinstance(fact, AccountsChanged) and fact.actor != ACTOR:
            self.post.accounts_changed()
        self.invoicing.sink(fact)

    async def run(self) -> None:
        """Work events off and compare, until cancelled; each by itself, whatever fails."""
        jobs = {
            "post": self.post.run,
            "drift": self.drift.run,
            "meters": self.meters.run,
            "invoicing": self.invoicing.run,
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, job in jobs.items():
                    tasks.create_task(self._supervisor.keep_running(name, job), name=name)
        finally:
            await self._close()


def _customer(writer: AccountWriter, slug: str) -> str | None:
    tenant = writer.registry.tenants.get(slug)
    return tenant.customer if tenant is not None else None
