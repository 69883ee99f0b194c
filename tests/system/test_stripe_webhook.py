"""The webhook of the real daemon: the effect of each event on a tenant, and what is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest

from rig.fakestripe import Fault, Manner, hostile
from rig.waiting import until
from tests.support.daemon.storefront import OLD_SECRET, PRICE, SECRET, Buyer, Storefront
from tests.support.gateways.stripe.clients import client_of

pytestmark = pytest.mark.system

FLOOD_PER_S = 500
FLOOD_S = 3.0
UNANSWERED = 0  # in time, on a busy machine; a gateway delivers again


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storefront]:
    with Storefront(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture
def shop(opened: Storefront) -> Iterator[Storefront]:
    """Yield the one shop of all tests, with its Stripe in order."""
    yield opened
    opened.fake.mend_api()
    opened.fake.webhooks.copies = 1
    opened.fake.webhooks.lose()


# --- purchases open to anyone --------------------------------------------------------------------


def test_a_stranger_at_a_payment_link_takes_over_no_tenant(shop: Storefront) -> None:
    victim = shop.buyer()
    before = victim.row
    email = f"billing@{victim.slug}.example"
    subscription = shop.fake.pay_at_link(PRICE, client_reference_id=victim.slug, email=email)
    for ends in (False, True):
        if ends:
            shop.fake.cancel(subscription)
        shop.fake.webhooks.settle()
        until(lambda: not shop.letters_in("waiting"), "events are worked off")
        assert (victim.row, victim.turns, victim.verdict().word) == (before, [], "ADMIT")
    assert subscription in [one["about"] for one in shop.site.get("/events/parked")]
    told = shop.site.put(f"/subscriptions/{subscription}/tenant", tenant=victim.slug)
    assert (told["subscription"]["tenant"], victim.status) == (victim.slug, "cancelled")
    shop.settle()


# --- every event, alone --------------------------------------------------------------------------


def checkout(buyer: Buyer, *, paid: bool) -> None:
    """Check out on Stripe's own page; a slow payment method pays later."""
    asked: Any = {
        "mode": "subscription",
        "success_url": "https://provider.example/done",
        "customer": buyer.customer,
        "client_reference_id": buyer.slug,
        "metadata": {"tenant": buyer.slug},
        "line_items": [{"price": PRICE, "quantity": 1}],
    }
    with client_of(buyer.fake.url) as stripe:
        session = stripe.v1.checkout.sessions.create(asked)
    buyer.subscription = buyer.fake.complete(session.id, paid=paid)


def customer_deleted(buyer: Buyer) -> None:
    buyer.fake.delete_customer(buyer.customer)


def deleted(buyer: Buyer) -> None:
    buyer.fake.cancel(buyer.subscription)


def paused(buyer: Buyer) -> None:
    buyer.fake.pause(buyer.subscription)


def resumed(buyer: Buyer) -> None:
    buyer.fake.resume(buyer.subscription)


def pays(buyer: Buyer) -> None:
    buyer.fake.pay_invoice(buyer.fake.get(buyer.subscription)["latest_invoice"])


def fails_to_pay(buyer: Buyer) -> None:
    buyer.renews(paid=False)


def warned_of_the_end(buyer: Buyer) -> None:
    buyer.fake.trial_will_end(buyer.subscription)


def ends_later(buyer: Buyer) -> None:
    buyer.fake.cancel_at_period_end(buyer.subscription)


def collection_paused(buyer: Buyer) -> None:
    buyer.fake.change(buyer.subscription, pause_collection={"behavior": "void"})


class Story(NamedTuple):
    """Of all the events that `happens` causes, only the one of `kind` arrives."""

    kind: str
    before: str  # the subscription's status at Stripe, "" for none
    happens: Callable[[Buyer], object]
    after: str  # the tenant's

    def __str__(self) -> str:
        how = getattr(self.happens, "__name__", "").strip("<>")
        return f"{self.kind}-{self.before or 'none'}-{how}-{self.after}"


def becomes(status: str) -> Callable[[Buyer], object]:
    def change(buyer: Buyer) -> None:
        buyer.becomes(status)

    change.__name__ = status
    return change


UPDATED = "customer.subscription.updated"
STORIES = (
    Story("checkout.session.completed", "", lambda b: checkout(b, paid=True), "active"),
    Story("checkout.session.completed", "", lambda b: checkout(b, paid=False), "incomplete"),
    Story("customer.subscription.created", "", lambda b: b.buys(), "active"),
    Story("customer.subscription.created", "", lambda b: b.buys(trial_days=14), "trial"),
    Story("customer.subscription.created", "", lambda b: b.buys(paid=False), "incomplete"),
    Story(UPDATED, "active", becomes("past_due"), "past_due"),
    Story(UPDATED, "active", becomes("unpaid"), "read_only"),
    Story(UPDATED, "trialing", becomes("active"), "active"),
    Story(UPDATED, "past_due", becomes("active"), "active"),
    Story(UPDATED, "unpaid", becomes("canceled"), "cancelled"),
    Story(UPDATED, "incomplete", becomes("incomplete_expired"), "incomplete"),
    Story(UPDATED, "active", ends_later, "active"),
    Story(UPDATED, "active", collection_paused, "active"),
    Story("customer.subscription.deleted", "active", deleted, "cancelled"),
    Story("customer.subscription.paused", "trialing", paused, "read_only"),
    Story("customer.subscription.resumed", "paused", resumed, "active"),
    Story("customer.subscription.trial_will_end", "trialing", warned_of_the_end, "trial"),
    Story("invoice.paid", "past_due", pays, "active"),
    Story("invoice.paid", "incomplete", pays, "active"),
    Story("invoice.payment_succeeded", "unpaid", pays, "active"),
    Story("invoice.payment_failed", "active", fails_to_pay, "past_due"),
    Story("invoice.finalized", "active", fails_to_pay, "past_due"),
    Story("customer.deleted", "canceled", customer_deleted, "cancelled"),
)  # fmt: skip
REASONS = {"read_only": "read_only", "cancelled": "cancelled", "incomplete": "incomplete"}


def prepared(shop: Storefront, status: str) -> Buyer:
    """Return a buyer whose subscription has that status, known to the daemon."""
    buyer = shop.buyer()
    match status:
        case "":
            return buyer
        case "trialing":
            buyer.buys(trial_days=14)
        case "incomplete":
            buyer.buys(paid=False)
        case _:
            buyer.buys()
            if status != "active":
                buyer.becomes(status)
    return buyer.settled()


def only(kind: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda events: [event for event in events if event["type"] == kind][:1]


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_one_event_brings_its_tenant_to_stripes_state(shop: Storefront, story: Story) -> None:
    buyer = prepared(shop, story.before)
    stored = set(shop.webhook_events())
    shop.fake.webhooks.hold()
    story.happens(buyer)
    shop.fake.webhooks.release(only(story.kind))
    buyer.settled()
    assert [shop.webhook_events()[ident] for ident in set(shop.webhook_events()) - stored] == [
        "done"
    ]
    assert buyer.status == story.after
    reason = REASONS.get(story.after)
    expected = ("REFUSE", buyer.slug, "outbound", reason) if reason else ("ADMIT", buyer.slug)
    assert buyer.verdict()[: len(expected)] == expected


def test_a_sold_price_brings_its_plan_and_the_date_of_renewal(shop: Storefront) -> None:
    buyer = shop.buyer().buys().settled()
    assert (buyer.row["plan"], buyer.row["subscription"]) == ("pro", buyer.subscription)
    assert buyer.row["renews_at"] is not None
    ends_later(buyer)
    buyer.settled()
    assert (buyer.status, buyer.row["renews_at"]) == ("active", None)


def test_invoices_and_customers_are_mirrored_once(shop: Storefront) -> None:
    buyer = shop.buyer()
    shop.fake.webhooks.copies = 2
    buyer.buys().renews(paid=True).settled()
    rows = shop.rows("SELECT id, status, total FROM invoice WHERE tenant = ?", buyer.slug)
    theirs = [one for one in shop.fake.all("invoice") if one["customer"] == buyer.customer]
    assert sorted(map(tuple, rows)) == sorted((one["id"], "paid", one["total"]) for one in theirs)
    customer_deleted(buyer)
    buyer.settled()
    kept = shop.rows("SELECT id, deleted FROM customer WHERE tenant = ?", buyer.slug)
    assert [tuple(row) for row in kept] == [(buyer.customer, 1)]


def test_usage_that_stripe_rejects_raises_an_alert(shop: Storefront) -> None:
    told = shop.count("payment_alerts")
    event = shop.fake.report_meter_errors(shop.fake.create_meter())
    shop.settle()
    assert shop.webhook_events()[event] == "done"
    assert shop.count("payment_alerts") == told + 1


# --- any way of delivery -------------------------------------------------------------------------


def a_life(buyer: Buyer) -> None:
    """Run a life: bought, due, paid, due again, and left unpaid."""
    buyer.buys().renews(paid=False)
    pays(buyer)
    buyer.renews(paid=False).becomes("unpaid")


WAYS: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "reversed": lambda events: events[::-1],
    "twice": lambda events: events * 2,
    "each three times, backwards": lambda events: [one for one in events[::-1] for _ in range(3)],
    "the last alone": lambda events: events[-1:],
    "the first alone": lambda events: events[:1],
}


@pytest.mark.parametrize("way", WAYS)
def test_any_way_of_delivery_ends_in_stripes_state(shop: Storefront, way: str) -> None:
    buyer = shop.buyer()
    shop.fake.webhooks.hold()
    a_life(buyer)
    assert buyer.status == "active"
    assert buyer.row["subscription"] is None
    shop.fake.webhooks.release(WAYS[way])
    buyer.settled()
    assert (buyer.status, buyer.turns) == ("read_only", ["read_only"])
    assert buyer.verdict().reason == "read_only"


def test_an_event_that_comes_again_is_answered_and_changes_nothing(shop: Storefront) -> None:
    buyer = shop.buyer().buys().settled()
    event = shop.fake.events(UPDATED)[-1]
    turns, taken = buyer.turns, shop.count("payment_events", state="done")
    assert shop.fake.webhooks.send(event) == HTTPStatus.OK
    shop.settle()
    assert (buyer.turns, shop.count("payment_events", state="done")) == (turns, taken)


def test_lost_events_are_found_by_the_comparison_at_the_start(shop: Storefront) -> None:
    buyer = shop.buyer().buys().settled()
    shop.fake.webhooks.hold()
    buyer.renews(paid=False)
    shop.fake.webhooks.lose()
    lost = {one["id"] for one in shop.fake.events() if one["type"] in USED} - set(
        shop.webhook_events()
    )
    assert buyer.status == "active"
    shop.restart()
    until(lambda: lost <= set(shop.webhook_events()), "lost events are found")
    shop.settle()
    assert buyer.status == "past_due"
    assert buyer.turns[-1] == "past_due"
    assert shop.count("webhooks", result="recovered") == len(lost)


USED = {story.kind for story in STORIES}


def test_an_event_without_a_tenant_waits_for_one(shop: Storefront) -> None:
    customer = shop.fake.create_customer()
    bought = shop.fake.subscribe(customer, PRICE, metadata={"tenant": "newcomer"}, paid=False)
    shop.fake.webhooks.settle()
    until(lambda: set(shop.unfinished()) == {"parked"}, "its events are parked")
    shop.admit("newcomer")
    shop.settle()
    rows = shop.site.get("/tenants")
    (row,) = [row for row in rows if row["tenant"] == "newcomer"]
    assert (row["status"], row["subscription"]) == ("incomplete", bought)


# --- while Stripe's API is away ------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.SLOW, Fault.ERROR, Fault.NONSENSE])
def test_while_the_api_is_away_events_count_as_they_say(shop: Storefront, fault: Fault) -> None:
    buyer = shop.buyer().buys().settled()
    shop.fake.break_api(fault)
    before = len(shop.fake.webhooks.attempts)
    deleted(buyer)
    until(lambda: buyer.status == "cancelled", "the event's own word is in force")
    (attempt,) = shop.fake.webhooks.attempts[before:]
    assert attempt.status == HTTPStatus.OK
    assert buyer.verdict().reason == "cancelled"
    assert shop.unfinished() == {"unconfirmed": 1}
    shop.fake.mend_api()
    shop.restart()
    shop.settle()
    assert buyer.turns == ["cancelled"]


# --- rejected requests ---------------------------------------------------------------------------

TURNED_AWAY = {
    Manner.FORGED: "forged",
    Manner.UNSIGNED: "forged",
    Manner.GARBLED: "forged",
    Manner.TAMPERED: "forged",
    Manner.TRUNCATED: "forged",
    Manner.OLD: "forged",
    Manner.FUTURE: "forged",
    Manner.OVERSIZED: "oversized",
    Manner.WRONG_MODE: "wrong_mode",
}


def never_sent(shop: Storefront) -> dict[str, Any]:
    """Return an event that the daemon would act upon, but that was never sent."""
    buyer = shop.buyer().buys().settled()
    shop.fake.webhooks.hold()
    deleted(buyer)
    (event,) = shop.fake.webhooks.lose()
    return event


def test_every_bad_manner_is_known() -> None:
    assert set(TURNED_AWAY) == set(Manner) - {Manner.PROPER}


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("manner", TURNED_AWAY, ids=lambda manner: manner.name)
def test_a_bad_post_is_refused_counted_and_leaves_nothing(
    shop: Storefront, manner: Manner, chunked: bool
) -> None:
    event, result = never_sent(shop), TURNED_AWAY[manner]
    stored, counted = shop.settled(), shop.count("webhooks", result=result)
    post = shop.fake.webhooks.post(event, manner)
    status, _ = shop.post(post.body, post.headers, chunked=chunked)
    assert status == HTTPStatus.BAD_REQUEST
    assert shop.count("webhooks", result=result) == counted + 1
    assert shop.webhook_events() == stored
    assert shop.fake.webhooks.send(event) == HTTPStatus.OK
    shop.settle()
    assert event["id"] in shop.webhook_events()


@pytest.mark.parametrize("body", [b"", b"null", b'{"id": "evt_1"}', b'{"id":', b"[]"])
def test_a_signed_body_that_is_no_event_is_refused(shop: Storefront, body: bytes) -> None:
    stored, counted = shop.settled(), shop.count("webhooks", result="unreadable")
    header = hostile.signature(body, [SECRET], now(shop))
    status, _ = shop.post(body, {"Stripe-Signature": header})
    assert status == HTTPStatus.BAD_REQUEST
    assert shop.count("webhooks", result="unreadable") == counted + 1
    assert shop.webhook_events() == stored


def test_both_secrets_are_good_while_one_replaces_the_other(shop: Storefront) -> None:
    event = json.dumps(never_sent(shop)).encode()
    for signers in (["whsec_next", OLD_SECRET], [OLD_SECRET], [SECRET]):
        header = hostile.signature(event, signers, now(shop))
        assert shop.post(event, {"Stripe-Signature": header})[0] == HTTPStatus.OK


def test_a_kind_that_is_not_used_is_answered_counted_and_not_kept(shop: Storefront) -> None:
    stored, counted = shop.settled(), shop.count("webhooks", result="ignored")
    event = shop.fake.tell("payment_intent.created", shop.fake.get(shop.buyer().customer))
    assert shop.fake.webhooks.send(event) == HTTPStatus.OK
    shop.settle()
    assert shop.count("webhooks", result="ignored") >= counted + 1
    assert shop.webhook_events() == stored


def test_calls_and_good_webhooks_are_served_in_a_flood_of_forged_ones(shop: Storefront) -> None:
    buyer, event = shop.buyer().buys().settled(), never_sent(shop)
    stored, counted = shop.settled(), shop.count("webhooks", result="forged")
    flood = shop.fake.webhooks.flood(event, Manner.FORGED, FLOOD_PER_S, FLOOD_S)
    judged = 0
    while not flood.done():
        assert buyer.verdict().word == "ADMIT"
        judged += 1
    answers = flood.result()
    assert answers.keys() <= {HTTPStatus.BAD_REQUEST, UNANSWERED}
    assert answers[HTTPStatus.BAD_REQUEST]
    found = shop.count("webhooks", result="forged") - counted
    assert answers[HTTPStatus.BAD_REQUEST] <= found <= answers.total()
    assert shop.webhook_events() == stored
    assert judged > FLOOD_S
    buyer.becomes("unpaid").settled()
    assert buyer.verdict().reason == "read_only"


def now(shop: Storefront) -> int:
    return shop.fake.clock.now()
