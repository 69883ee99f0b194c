"""Implements the `SubscriptionStore` port on an SQL database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, select

from pbxbilling.store import schema
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows import subscriptions as mirror_rows
from pbxbilling.subscriptions.events import UNFINISHED, EventState, WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription


class SqlSubscriptions:
    """Reads the state saved from the payment gateway."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def subscription(self, ident: str) -> Subscription | None:
        """Return a subscription by its id; None if there is none."""
        query = select(schema.subscription).where(schema.subscription.c.id == ident)
        return await self._reads.one(query, mirror_rows.SUBSCRIPTION.record)

    async def subscriptions(self, *, tenant: str | None = None) -> list[Subscription]:
        """Return subscriptions, oldest first; None: no filter."""
        table = schema.subscription
        query = select(table).order_by(table.c.created_at, table.c.id)
        if tenant is not None:
            query = query.where(table.c.tenant == tenant)
        return await self._reads.many(query, mirror_rows.SUBSCRIPTION.record)

    async def customer(self, ident: str) -> Customer | None:
        """Return a customer by its id; None if there is none."""
        query = select(schema.customer).where(schema.customer.c.id == ident)
        return await self._reads.one(query, mirror_rows.CUSTOMER.record)

    async def invoices(
        self, *, tenant: str | None = None, status: str | None = None, limit: int = 1000
    ) -> list[Invoice]:
        """Return invoices, newest first; None: no filter. `status` is the gateway's own word."""
        table = schema.invoice
        query = select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
        if tenant is not None:
            query = query.where(table.c.tenant == tenant)
        if status is not None:
            query = query.where(table.c.status == status)
        return await self._reads.many(query, mirror_rows.INVOICE.record)

    async def invoice(self, ident: str) -> Invoice | None:
        """Return an invoice by its id; None if there is none."""
        query = select(schema.invoice).where(schema.invoice.c.id == ident)
        return await self._reads.one(query, mirror_rows.INVOICE.record)

    async def webhook_events(self, *states: EventState, limit: int = 1000) -> list[WebhookEvent]:
        """Return the stored events in any of these states, in order of arrival."""
        return await self._reads.many(
            webhook_events_query(states, limit), mirror_rows.WEBHOOK_EVENT.record
        )

    async def webhook_event(self, ident: str) -> WebhookEvent | None:
        """Return a stored event by its id; None if there is none."""
        query = select(schema.webhook_event).where(schema.webhook_event.c.id == ident)
        return await self._reads.one(query, mirror_rows.WEBHOOK_EVENT.record)

    async def cycles(self, tenant: str) -> list[BillingCycle]:
        """Return the billing cycles that invoices opened, ordered by their beginning."""
        table = schema.billing_cycle
        query = select(table).where(table.c.tenant == tenant)
        query = query.order_by(table.c.begins, table.c.invoice)
        return await self._reads.many(query, mirror_rows.CYCLE.record)


def webhook_events_query(states: Collection[EventState], limit: int) -> Select[Any]:
    """Select the stored events in any of these states; unfinished ones are found by an index."""
    table = schema.webhook_event
    query = select(table).where(table.c.state.in_([state.value for state in states]))
    if UNFINISHED.issuperset(states):
        query = query.where(schema.EVENT_UNFINISHED)
    return query.order_by(table.c.received_at, table.c.id).limit(limit)
