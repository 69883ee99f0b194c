"""Events twice, late, in any order or never, the gateway up or down: one state in the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Plan, Prices
from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.events import EventState, WebhookEvent
from pbxbilling.subscriptions.facts import (
    Drifted,
    EventTaken,
    GatewayAway,
    GatewayBack,
    PaymentAlert,
)
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.inbox import ASK_AGAIN_S, Inbox
from pbxbilling.subscriptions.subscription import Subscription
from pbxbilling.subscriptions.sync import Sync
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import after
from tests.support.subscriptions.records import invoice, subscription
from tests.support.subscriptions.truth import Truth


class Office:
    """The parts behind the webhook, on a store in memory."""

    def __init__(self, *tenants: Tenant, grace_days: int = 7) -> None:
        self.truth = Truth()
        self.clock = Clock()
        self.store = MemoryStore()
        self.facts: list[Fact] = []
        plans = [Plan("free"), Plan("pro", gateway_prices={STRIPE: Prices(flat="price_1")})]
        self.registry = Registry(plans, tenants or [Tenant("acme", "free")])
        writer = AccountWriter(
            self.store, self.registry, self.clock, self.facts.append, asyncio.Lock()
        )
        subscription_store = self.store.subscription_store
        self.follower = Follower(
            writer,
            subscription_store,
            self.clock,
            InForce(Policy(grace_days=grace_days), self.registry),
            gateway=STRIPE,
            live=False,
        )
        self.reported: list[str] = []
        self.post = Inbox(
            self.truth,
            StripeWebhooks((), self.clock),
            self.follower,
            subscription_store,
            self.clock,
            self.facts.append,
            self._on_report,
        )
        self.drift = Sync(
            self.truth,
            self.follower,
            self.store,
            subscription_store,
            self.clock,
            self.facts.append,
            lambda _: None,
        )

    async def _on_report(self, ident: str) -> None:
        self.reported.append(ident)

    def passes(self, seconds: float) -> None:
        self.clock.passed_s += seconds
        self.truth.passed_s = self.clock.passed_s

    async def comes(self, *numbers: int) -> None:
        """Deliver events by number to the webhook, and process them."""
        webhook_events = self.truth.webhook_events()
        for number in numbers:
            await self.store.commit([webhook_events[number]])
            await self.post._deliver(webhook_events[number].id)

    async def tries_again(self) -> None:
        for event in await self.store.subscription_store.webhook_events(*EventState):
            await self.post._deliver(event.id)

    def states(self) -> list[EventState]:
        return [event.state for event in self.store.subscription_store.post.values()]

    @property
    def acme(self) -> Tenant:
        return self.registry.tenants["acme"]


WORDS = {
    "trialing": Status.TRIAL,
    "active": Status.ACTIVE,
    "past_due": Status.PAST_DUE,
    "unpaid": Status.READ_ONLY,
    "paused": Status.READ_ONLY,
    "incomplete": Status.INCOMPLETE,
    "canceled": Status.CANCELLED,
}
HAPPENS = st.tuples(st.just("happens"), st.sampled_from([*WORDS]))
STEPS = st.lists(
    HAPPENS
    | st.tuples(st.just("comes"), st.integers(0, 30))
    | st.tuples(st.just("passes"), st.sampled_from([0.3, 1.0, 90.0]))
    | st.tuples(st.sampled_from(["away", "back", "compare", "again"]), st.none()),
    max_size=40,
)


async def play(office: Office, steps: list[tuple[str, object]]) -> None:
    for what, value in steps:
        match what, value:
            case "happens", str(word):
                if not _is_over(office):
                    office.truth.becomes(word)
            case "comes", int(number) if office.truth.happened:
                await office.comes(number % len(office.truth.happened))
            case "passes", float(seconds):
                office.passes(seconds)
            case (("away" | "back"), _):
                office.truth.away = what == "away"
            case "compare", _ if not office.truth.away:
                await office.drift.compare()
            case "again", _:
                await office.tries_again()


def _is_over(office: Office) -> bool:
    known = office.truth.now.get("sub_1")
    return known is not None and known["status"] == "canceled"


@settings(max_examples=200)
@given(steps=STEPS)
async def test_any_order_of_events_ends_in_the_truth(steps: list[tuple[str, object]]) -> None:
    office = Office()
    office.truth.becomes("incomplete")
    await play(office, steps)
    office.truth.away = False
    office.passes(ASK_AGAIN_S)
    await office.drift.compare()  # as it does hourly, for events that never came
    await office.tries_again()
    expected = WORDS[office.truth.now["sub_1"]["status"]]
    mirror = office.store.subscription_store.known["sub_1"]
    assert (mirror.status, mirror.tenant) == (expected, "acme")
    assert office.acme.status is expected
    assert office.acme.plan == "pro"
    assert set(office.states()) <= {EventState.DONE}


@settings(max_examples=100)
@given(steps=STEPS)
async def test_every_turn_starts_where_the_last_one_ended(
    steps: list[tuple[str, object]],
) -> None:
    office = Office()
    office.truth.becomes("incomplete")
    await play(office, steps)
    transitions = [fact for fact in office.facts if isinstance(fact, StatusChanged)]
    lived = [Status.ACTIVE, *(transition.after for transition in transitions)]
    assert [transition.before for transition in transitions] == lived[:-1]
    rows = [row for row in office.store.audited if (row.after or {}).get("status")]
    assert [row.after["status"] for row in rows if row.after] == [t.after for t in transitions]


async def test_while_the_gateway_is_away_events_count_as_they_say() -> None:
    office = Office()
    office.truth.becomes("active")
    office.passes(60)
    office.truth.becomes("canceled")
    office.truth.away = True
    await office.comes(1, 0)
    assert office.acme.status is Status.CANCELLED
    assert office.states() == [EventState.UNCONFIRMED, EventState.UNCONFIRMED]
    assert sum(isinstance(fact, GatewayAway) for fact in office.facts) == 1
    office.truth.away = False
    office.passes(ASK_AGAIN_S)
    await office.tries_again()
    assert set(office.states()) == {EventState.DONE}
    assert sum(isinstance(fact, GatewayBack) for fact in office.facts) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_while_the_gateway_is_away_doubt_silences_no_phone(order: tuple[int, int]) -> None:
    office = Office()
    office.truth.becomes("unpaid")
    office.truth.becomes("active")  # in the same second: no event shows which was the later
    office.truth.away = True
    await office.comes(*order)
    assert office.acme.status is Status.ACTIVE


async def test_while_the_gateway_is_away_no_event_waits_for_another_to_find_out() -> None:
    office = Office()
    for word in ("active", "past_due", "active", "unpaid"):
        office.truth.becomes(word)
        office.passes(1)
    office.truth.away = True
    await office.comes(0, 1, 2, 3)
    assert (office.truth.asked, office.acme.status) == (1, Status.READ_ONLY)
    office.passes(ASK_AGAIN_S)
    await office.tries_again()
    assert office.truth.asked == 2
    assert set(office.states()) == {EventState.UNCONFIRMED}


async def test_an_event_that_came_twice_is_taken_once() -> None:
    office = Office()
    office.truth.becomes("active")
    await office.comes(0, 0, 0)
    assert sum(isinstance(fact, EventTaken) for fact in office.facts) == 1
    assert len(office.store.audited) == 1


async def test_an_event_without_a_known_tenant_waits_until_it_is_linked() -> None:
    office = Office()
    office.truth.becomes("active", metadata={"tenant": "nobody"})
    await office.comes(0)
    assert office.states() == [EventState.PARKED]
    assert office.acme.subscription is None
    linked = await office.follower.link("sub_1", "acme", named("root"))
    assert linked is not None
    assert office.acme.subscription == "sub_1"
    await office.tries_again()
    assert office.states() == [EventState.DONE]
    assert office.store.audited[-1].actor == "root"


async def test_one_sweep_takes_up_all_that_is_parked_on_one_subscription() -> None:
    office = Office()
    for word in ("incomplete", "active", "past_due"):
        office.truth.becomes(word, metadata={"tenant": "nobody"})
        await office.comes(len(office.truth.happened) - 1)
    await office.follower.link("sub_1", "acme", named("root"))
    async with asyncio.TaskGroup() as lanes:
        office.post._tasks = lanes
        await office.post._sweep([EventState.PARKED])
    assert set(office.states()) == {EventState.DONE}


async def test_a_link_to_another_tenant_leaves_the_first_without() -> None:
    office = Office(Tenant("acme", "free"), Tenant("globex", "free"))
    office.truth.becomes("active")
    await office.comes(0)
    await office.follower.link("sub_1", "globex", named("root"))
    assert office.registry.tenants["globex"].subscription == "sub_1"
    assert office.acme.subscription is None


async def test_an_event_that_fails_unexpectedly_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office(Tenant("acme", "free"), Tenant("globex", "free"))
    office.truth.becomes("active")
    office.truth.becomes("active", "sub_2", metadata={"tenant": "globex"})
    take = office.follower.take

    async def fails(event: WebhookEvent, *rest: Any) -> EventState:
        if event.about == "sub_1":
            raise KeyError("acme")
        return await take(event, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(office.follower, "take", fails)
        async with asyncio.TaskGroup() as lanes:
            office.post._tasks = lanes
            for event in office.truth.webhook_events():
                await office.store.commit([event])
                office.post.arrived(event)
        await office.tries_again()
    assert office.states() == [EventState.WAITING, EventState.DONE]
    (alert,) = [fact for fact in office.facts if isinstance(fact, PaymentAlert)]
    assert (alert.subject, "KeyError: 'acme'" in alert.note) == ("event evt_0", True)
    await office.tries_again()
    assert office.acme.subscription == "sub_1"


async def test_a_subscription_that_cannot_be_compared_is_reported_and_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office(Tenant("acme", "free"), Tenant("globex", "free"))
    office.truth.becomes("active")
    office.truth.becomes("active", "sub_2", metadata={"tenant": "globex"})
    see = office.follower.apply_snapshot

    async def fails(picture: Subscription) -> Subscription:
        if picture.id == "sub_1":
            raise OverflowError("date value out of range")
        return await see(picture)

    monkeypatch.setattr(office.follower, "apply_snapshot", fails)
    await office.drift.compare()
    assert office.registry.tenants["globex"].subscription == "sub_2"
    (alert,) = [fact for fact in office.facts if isinstance(fact, PaymentAlert)]
    assert alert.note.startswith("subscription sub_1 could not be compared: OverflowError")


async def test_a_demo_tenant_follows_no_subscription() -> None:
    office = Office(Tenant("acme", "free", demo=True))
    office.truth.becomes("canceled")
    await office.comes(0)
    assert (office.acme.status, office.acme.subscription) == (Status.ACTIVE, None)


async def test_a_lost_event_is_found_by_the_comparison_and_counted() -> None:
    office = Office()
    office.truth.becomes("active")
    await office.comes(0)
    office.passes(60)
    await office.drift.compare()
    office.truth.becomes("past_due")  # and the webhook never comes
    office.passes(60)
    compared = await office.drift.compare()
    assert (compared.missed, office.acme.status) == (1, Status.PAST_DUE)
    assert sum(isinstance(fact, Drifted) for fact in office.facts) == 1


@pytest.mark.parametrize("status", ["void", "uncollectible", "paid", "open"])
async def test_an_invoice_whose_last_event_was_lost_is_what_the_gateway_says(status: str) -> None:
    office = Office()
    mirrored = [invoice("in_1"), invoice("in_2"), invoice("in_live", live=True)]
    await office.store.commit(mirrored)
    paid_at = office.clock.now() if status == "paid" else None
    later = replace(mirrored[0], status=status, paid_at=paid_at, tenant=None, as_of=after(60))
    office.truth.billed = {"in_1": later, "in_2": mirrored[1]}
    await office.drift.compare()
    known = {one.id: one for one in await office.store.subscription_store.invoices()}
    assert (known["in_1"].status, known["in_1"].tenant) == (status, "acme")
    assert (known["in_2"], known["in_live"]) == (mirrored[1], mirrored[2])


@pytest.mark.parametrize("live", [True])
async def test_a_subscription_of_the_other_mode_changes_no_tenant(*, live: bool) -> None:
    office = Office()
    office.truth.becomes("canceled", livemode=live)
    await office.drift.compare()
    assert office.acme == Tenant("acme", "free")


async def test_subscriptions_of_the_other_mode_are_reported() -> None:
    office = Office()
    await office.store.commit([subscription(live=True)])
    await office.drift._warn_of_other_mode()
    (alert,) = [fact for fact in office.facts if isinstance(fact, PaymentAlert)]
    assert "the key is a test one, but 1 tenants have live subscriptions (acme)" in alert.note


async def test_what_cannot_be_read_is_kept_for_a_person() -> None:
    office = Office()
    office.truth.becomes("active")
    office.truth.nonsense = True
    await office.comes(0)
    assert office.states() == [EventState.FAILED]
    assert office.acme.subscription is None


async def test_an_event_about_an_object_unknown_to_the_gateway_changes_no_tenant() -> None:
    office = Office()
    office.truth.becomes("canceled")
    del office.truth.now["sub_1"]
    await office.comes(0)
    assert (office.states(), office.acme.subscription) == ([EventState.DONE], None)
