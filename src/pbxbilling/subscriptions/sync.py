"""Compare our mirrors with everything that a gateway lists: at the start, and hourly.

This recovers lost webhook events: first the events since the last run, which are processed like
those that arrived; then all subscriptions and unpaid invoices, for changes that no event reported.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from pbxbilling.kernel.errors import GatewayError, StoreError
from pbxbilling.kernel.ports import Clock, Cursors, EventSink
from pbxbilling.kernel.records import Cursor
from pbxbilling.kernel.text import in_words
from pbxbilling.runtime.waiting import sleep
from pbxbilling.subscriptions.events import WebhookEvent
from pbxbilling.subscriptions.facts import PaymentAlert, WebhookReceived, WebhookResult
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.ports import Gateway, Page, SubscriptionStore
from pbxbilling.subscriptions.subscription import AWAITS_PAYMENT, Subscription

EVERY_S = 3600.0
AGAIN_S = 60.0  # after a comparison that failed
OVERLAP = timedelta(minutes=15)  # clocks differ, and an event may be listed late
ROOM = timedelta(days=1)  # safety margin before the gateway stops listing an event
CURSOR = "gateway events"
_NAMED = 10
_INVOICES_MOST = 100_000
_PAGES_MOST = 10_000  # guards against a list that never ends

T = TypeVar("T")


@dataclass(slots=True)
class Compared:
    """Counts of one comparison."""

    events: int = 0
    missed: int = 0
    subscriptions: int = 0


class Sync:
    """Fetches what the gateway lists, and applies what is new."""

    def __init__(
        self,
        gateway: Gateway,
        follower: Follower,
        store: Cursors,
        subscription_store: SubscriptionStore,
        clock: Clock,
        emit: EventSink,
        arrived: Callable[[WebhookEvent], None],
    ) -> None:
        """`arrived` is called with each event that had been missed."""
        self._gateway = gateway
        self._follower = follower
        self._store = store
        self._subscription_store = subscription_store
        self._clock = clock
        self._emit = emit
        self._arrived = arrived

    async def run(self) -> None:
        """Compare forever, hourly; a minute after a failure."""
        while True:
            try:
                await self.compare()
                await self._warn_of_other_mode()
                self._warn_of_shared_meters()
            except (GatewayError, StoreError) as fault:
                self._alert(f"could not be compared: {fault}")
                await sleep(AGAIN_S)
            else:
                await sleep(EVERY_S)

    async def compare(self) -> Compared:
        """Make one comparison. Raises GatewayError and StoreError."""
        compared = Compared()
        await self._compare_events(compared)
        async for snapshot in self._all(self._gateway.subscriptions):
            compared.subscriptions += 1
            if snapshot.live is self._gateway.live:
                await self._apply(snapshot)
        await self._compare_invoices()
        return compared

    async def _compare_invoices(self) -> None:
        """Fetch the invoices that are mirrored as unpaid and that the gateway lists no more.

        They are paid by now, void, or given up: https://docs.stripe.com/invoicing/overview
        """
        known = await self._subscription_store.invoices(status=AWAITS_PAYMENT, limit=_INVOICES_MOST)
        ours = {one.id for one in known if one.live is self._gateway.live}
        if not ours:
            return
        ours -= {one.id async for one in self._all(self._gateway.unpaid_invoices)}
        for ident in sorted(ours):
            snapshot = await self._gateway.invoice(ident)
            if snapshot is not None:
                await self._follower.apply_invoice(snapshot)

    async def _apply(self, snapshot: Subscription) -> None:
        try:
            await self._follower.apply_snapshot(snapshot)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one subscription must not delay the others
            self._alert(f"subscription {snapshot.id} could not be compared: {in_words(error)}")

    async def _warn_of_other_mode(self) -> None:
        """Alert if tenants hold subscriptions of the other mode: those pay nothing by this key."""
        ours = self._gateway.live
        others = [
            one for one in await self._subscription_store.subscriptions() if one.live is not ours
        ]
        linked = {one.tenant for one in others if one.tenant is not None}
        if linked:
            mode, theirs = ("live", "test") if ours else ("test", "live")
            names = ", ".join(sorted(linked)[:_NAMED])
            self._alert(
                f"the key is a {mode} one, but {len(linked)} tenants have {theirs} subscriptions"
                f" ({names}), which pay nothing: sell them new ones"
            )

    def _warn_of_shared_meters(self) -> None:
        for note in self._follower.shared_meters():
            self._alert(note)

    async def _compare_events(self, compared: Compared) -> None:
        """Find and save missed events; the first comparison ever only sets the cursor."""
        now = self._clock.now()
        last = await self._store.cursor(CURSOR)
        if last is not None:
            since = max(last - OVERLAP, now - (self._gateway.events_kept - ROOM))
            missed = [
                event
                async for event in self._all(lambda after: self._gateway.events(since, after))
                if await self._is_new(event, compared)
            ]
            await self._save(missed)
            compared.missed = len(missed)
        await self._store.commit([Cursor(CURSOR, now)])

    async def _is_new(self, event: WebhookEvent, compared: Compared) -> bool:
        compared.events += 1
        ours = event.live is self._gateway.live
        return ours and await self._subscription_store.webhook_event(event.id) is None

    async def _save(self, missed: list[WebhookEvent]) -> None:
        """Save missed events and queue them, oldest first, as they would have arrived."""
        missed.sort(key=lambda event: event.created_at)
        at = self._clock.now()
        facts = [WebhookReceived(at, WebhookResult.RECOVERED, one.kind, one.id) for one in missed]
        await self._store.commit(missed, facts)
        for event, fact in zip(missed, facts, strict=True):
            self._arrived(event)
            self._emit(fact)

    async def _all(
        self, page_after: Callable[[str | None], Awaitable[Page[T]]]
    ) -> AsyncIterator[T]:
        """Yield every item, page after page; alert about those that cannot be read."""
        after: str | None = None
        for _ in range(_PAGES_MOST):
            page = await page_after(after)
            for item in page.items:
                yield item
            for fault in page.faults:
                self._alert(fault)
            after = page.after
            if after is None:
                return

    def _alert(self, note: str) -> None:
        self._emit(PaymentAlert(self._clock.now(), self._gateway.name, note))
