"""The contract of every subscription store; a class of tests derives from this."""

from __future__ import annotations

from pbxbilling.accounts.terms.status import Status
from pbxbilling.subscriptions.events import EventMoved, EventState
from tests.contract.empty_stores import OfAnyStore
from tests.support.store.records import after
from tests.support.subscriptions.records import customer, event, invoice, subscription


class MirrorsContract(OfAnyStore):
    """One suite for the real store and for the one in memory."""

    async def test_everything_comes_back_as_it_was_written(self) -> None:
        whole = subscription(
            status_since=after(1),
            trial_until=after(2),
            period_start=after(3),
            period_end=after(4),
            anchored_at=after(6),
            ends_at=after(7),
            cancel_at_period_end=True,
            with_setup=True,
            prices=("price_1", "price_2"),
        )
        paid = invoice(paid_at=after(5), page_url="https://pay.example/i")
        gone = customer(deleted=True)
        async with self.opened() as store:
            await store.commit([whole, gone, paid, event()])
            assert await store.subscription_store.subscription("sub_1") == whole
            assert await store.subscription_store.customer("cus_1") == gone
            assert await store.subscription_store.invoices() == [paid]
            assert await store.subscription_store.invoice(paid.id) == paid
            assert await store.subscription_store.invoice("in_none") is None
            assert await store.subscription_store.invoices(status="void") == []
            assert await store.subscription_store.invoices(status=paid.status) == [paid]
            assert await store.subscription_store.webhook_event("evt_1") == event()

    async def test_what_is_unknown_is_none(self) -> None:
        async with self.opened() as store:
            assert await store.subscription_store.subscription("sub_1") is None
            assert await store.subscription_store.customer("cus_1") is None
            assert await store.subscription_store.webhook_event("evt_1") is None

    async def test_a_subscription_is_replaced_whole(self) -> None:
        async with self.opened() as store:
            await store.commit([subscription(trial_until=after(1))])
            await store.commit([subscription(status=Status.CANCELLED)])
            assert await store.subscription_store.subscriptions() == [
                subscription(status=Status.CANCELLED)
            ]

    async def test_subscriptions_are_found_by_tenant_the_oldest_first(self) -> None:
        new, old = subscription("sub_a", created_at=after(9)), subscription("sub_b")
        async with self.opened() as store:
            await store.commit([new, old, subscription("sub_c", tenant=None)])
            assert await store.subscription_store.subscriptions(tenant="acme") == [old, new]
            assert len(await store.subscription_store.subscriptions()) == 3

    async def test_an_older_picture_of_an_invoice_changes_nothing(self) -> None:
        paid = invoice(status="paid", as_of=after(5))
        async with self.opened() as store:
            await store.commit([paid])
            await store.commit([invoice(status="open", as_of=after(4))])
            assert await store.subscription_store.invoices(tenant="acme") == [paid]

    async def test_the_first_copy_of_an_event_stays(self) -> None:
        async with self.opened() as store:
            await store.commit([event()])
            await store.commit([EventMoved("evt_1", EventState.DONE, 1)])
            await store.commit([event(second=60, body="again")])
            kept = await store.subscription_store.webhook_event("evt_1")
        assert kept == event(state=EventState.DONE, attempts=1)

    async def test_unfinished_events_come_in_the_order_of_their_arrival(self) -> None:
        first, second = event("evt_b", 1), event("evt_a", 2)
        done = event("evt_c", 0, state=EventState.DONE)
        parked = event("evt_d", 0, state=EventState.PARKED)
        async with self.opened() as store:
            await store.commit([second, first, done, parked])
            waiting = await store.subscription_store.webhook_events(EventState.WAITING)
            assert waiting == [first, second]
            both = await store.subscription_store.webhook_events(
                EventState.WAITING, EventState.PARKED, limit=2
            )
            assert both == [parked, first]
