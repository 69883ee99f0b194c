"""The `SubscriptionStore` port in memory, for tests of its users."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.kernel.records import Record
from pbxbilling.subscriptions.events import EventMoved, EventState, WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription


class MemorySubscriptions:
    """Passes the contract of subscription stores."""

    def __init__(self) -> None:
        self.known: dict[str, Subscription] = {}
        self.customers: dict[str, Customer] = {}
        self.billed: dict[str, Invoice] = {}
        self.post: dict[str, WebhookEvent] = {}
        self.opened: dict[str, BillingCycle] = {}

    def put(self, record: Record) -> None:
        match record:
            case Subscription():
                self.known[record.id] = record
            case Customer():
                self.customers[record.id] = record
            case Invoice():
                old = self.billed.get(record.id)
                if old is None or old.gives_way_to(record):
                    self.billed[record.id] = record
            case WebhookEvent():
                self.post.setdefault(record.id, record)
            case EventMoved() if record.id in self.post:
                self.post[record.id] = replace(
                    self.post[record.id],
                    state=record.state,
                    attempts=record.attempts,
                    note=record.note,
                )
            case BillingCycle():
                self.opened.setdefault(record.invoice, record)

    async def subscription(self, ident: str) -> Subscription | None:
        return self.known.get(ident)

    async def subscriptions(self, *, tenant: str | None = None) -> list[Subscription]:
        found = [one for one in self.known.values() if tenant is None or one.tenant == tenant]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def customer(self, ident: str) -> Customer | None:
        return self.customers.get(ident)

    async def invoices(
        self, *, tenant: str | None = None, status: str | None = None, limit: int = 1000
    ) -> list[Invoice]:
        found = [
            one
            for one in self.billed.values()
            if tenant in (None, one.tenant) and status in (None, one.status)
        ]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)[:limit]

    async def invoice(self, ident: str) -> Invoice | None:
        return self.billed.get(ident)

    async def webhook_events(self, *states: EventState, limit: int = 1000) -> list[WebhookEvent]:
        found = [one for one in self.post.values() if one.state in states]
        return sorted(found, key=lambda one: (one.received_at, one.id))[:limit]

    async def webhook_event(self, ident: str) -> WebhookEvent | None:
        return self.post.get(ident)

    async def cycles(self, tenant: str) -> list[BillingCycle]:
        found = [one for one in self.opened.values() if one.tenant == tenant]
        return sorted(found, key=lambda one: (one.begins, one.invoice))
