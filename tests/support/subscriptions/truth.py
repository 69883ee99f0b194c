"""A payment gateway in memory that holds the truth, can fail, and reports changes as events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pbxbilling.gateways.stripe import objects
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.kernel.gateway_names import STRIPE, GatewayName
from pbxbilling.subscriptions.adoption.matching import CustomerProfile
from pbxbilling.subscriptions.events import InvoicedCycle, WebhookEvent, stored_event
from pbxbilling.subscriptions.ports import Page
from pbxbilling.subscriptions.subscription import Invoice, Subscription
from tests.support.gateways.stripe import bodies
from tests.support.gateways.stripe.bodies import START


@dataclass
class Truth:
    """A `Gateway`. Each change of its subscriptions makes an event; its clock has whole seconds."""

    name: GatewayName = STRIPE
    live: bool = False
    events_kept: timedelta = timedelta(days=30)
    away: bool = False
    nonsense: bool = False
    passed_s: float = 0.0
    asked: int = 0  # fetches of one subscription
    now: dict[str, dict[str, Any]] = field(default_factory=dict)
    billed: dict[str, Invoice] = field(default_factory=dict)
    profiles: dict[str, CustomerProfile] = field(default_factory=dict)
    opens: dict[str, InvoicedCycle] = field(default_factory=dict)
    happened: list[bytes] = field(default_factory=list)

    def becomes(self, status: str, ident: str = "sub_1", **changed: Any) -> bytes:
        """Change a subscription; return the event about it."""
        kind = "updated" if ident in self.now else "created"
        kind = "deleted" if status == "canceled" else kind
        self.now[ident] = bodies.subscription(status, ident, **changed)
        told = bodies.event(
            f"customer.subscription.{kind}",
            self.now[ident],
            f"evt_{len(self.happened)}",
            int(self._at().timestamp()),
        )
        self.happened.append(told)
        return told

    def webhook_events(self) -> list[WebhookEvent]:
        """Return all events so far, as if they had just arrived."""
        return [stored_event(objects.message(told), told, self._at()) for told in self.happened]

    async def subscription(self, ident: str) -> Subscription | None:
        self.asked += 1
        self._reach()
        known = self.now.get(ident)
        return objects.subscription(known, self._at()) if known else None

    async def subscriptions(self, after: str | None) -> Page[Subscription]:
        self._reach()
        ids: Sequence[str] = sorted(self.now)
        start = ids.index(after) + 1 if after is not None else 0
        as_of = self._at() - timedelta(seconds=1)
        items = [objects.subscription(self.now[one], as_of) for one in ids[start : start + 2]]
        last = items[-1].id if items else None
        return Page(items, last if last != (ids[-1] if ids else None) else None)

    async def customers(self, after: str | None) -> Page[CustomerProfile]:
        del after
        self._reach()
        return Page(list(self.profiles.values()), None)

    async def unpaid_invoices(self, after: str | None) -> Page[Invoice]:
        del after
        self._reach()
        return Page([one for one in self.billed.values() if one.awaits_payment], None)

    async def invoice(self, ident: str) -> Invoice | None:
        self._reach()
        return self.billed.get(ident)

    async def cycle_opened_by(self, invoice: str) -> InvoicedCycle | None:
        self._reach()
        return self.opens.get(invoice)

    async def events(self, since: datetime, after: str | None) -> Page[WebhookEvent]:
        del after
        self._reach()
        return Page([event for event in self.webhook_events() if event.created_at >= since], None)

    def _at(self) -> datetime:
        return START + timedelta(seconds=int(self.passed_s))

    def _reach(self) -> None:
        if self.away:
            raise GatewayError("Stripe cannot be reached", away=True)
        if self.nonsense:
            raise GatewayError("Stripe's answer cannot be read", away=False)
