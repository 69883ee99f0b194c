"""Usage that reached the meter after its subscription's end is named once that end is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.calls.metering.usage_event import LegMetered, UsageEventState
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.payments.late_usage import LateUsage
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.subscriptions.facts import PaymentAlert
from pbxbilling.subscriptions.subscription import Subscription
from rig.waiting import patience_s
from tests.support.kernel.clock import Clock
from tests.support.store.records import after, ended_leg
from tests.support.subscriptions.records import subscription

OVER = subscription(status=Status.CANCELLED, ends_at=after(100))


class Desk:
    """A store with legs of acme that ended at 99, 100.5 and 160 s, all sent: 1, 2 and 4 minutes."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.clock = Clock(after(3600))
        self.facts: list[Fact] = []
        self.told = asyncio.Event()
        self.late = LateUsage(
            store.subscription_store,
            store.meters,
            self.clock,
            self._emit,
            gateway=STRIPE,
            live=False,
        )

    def _emit(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.told.set()

    async def sent(self) -> None:
        for second, minutes in ((99, 1), (100.5, 2), (160, 4)):
            leg = ended_leg(f"1.{second}", billed_s=60 * minutes)
            await self.store.commit([replace(leg, ended_at=after(second)), LegMetered(leg.key)])
            event = await self.store.meters.event(str(leg.key))
            assert event is not None
            await self.store.commit([event.moved(UsageEventState.SENT)])

    def becomes(self, status: Status) -> None:
        at, old = self.clock.now(), Status.ACTIVE
        self.late.sink(StatusChanged(at, "acme", old, status, Transition.CANCELLED, "x", None))

    @property
    def alerts(self) -> list[str]:
        return [
            f"{fact.subject}: {fact.note}" for fact in self.facts if isinstance(fact, PaymentAlert)
        ]


@pytest.fixture
async def desk(shared_place: DatabaseUrl) -> AsyncIterator[Desk]:
    async with await SqlStore.open(database_at(shared_place)) as store:
        made = Desk(store)
        await made.sent()
        yield made


async def test_what_was_sent_after_the_end_is_named(desk: Desk) -> None:
    await desk.store.commit([OVER])
    desk.becomes(Status.CANCELLED)
    await desk.late.look()
    await desk.late.look()
    (alert,) = desk.alerts
    assert alert.startswith("tenant acme: 4 minutes reached Stripe's meter for calls that ended")


@pytest.mark.parametrize(
    "known",
    [
        [replace(OVER, ends_at=after(160))],
        [OVER, subscription("sub_2")],
        [OVER, replace(OVER, id="sub_2", ends_at=after(200))],
        [subscription(status=Status.CANCELLED)],
        [],
    ],
    ids=["nothing later", "another runs", "the last ended later", "unknown end", "none"],
)
async def test_what_an_invoice_has_is_no_reason_to_call(
    desk: Desk, known: list[Subscription]
) -> None:
    await desk.store.commit(known)
    desk.becomes(Status.CANCELLED)
    await desk.late.look()
    assert not desk.alerts


async def test_only_a_subscription_that_ends_is_looked_at(desk: Desk) -> None:
    await desk.store.commit([OVER])
    desk.becomes(Status.PAST_DUE)
    await desk.late.look()
    assert not desk.alerts


async def test_it_looks_as_soon_as_one_ends(desk: Desk) -> None:
    await desk.store.commit([OVER])
    running = asyncio.create_task(desk.late.run())
    desk.becomes(Status.CANCELLED)
    async with asyncio.timeout(patience_s(30)):
        await desk.told.wait()
    running.cancel()
    assert len(desk.alerts) == 1
