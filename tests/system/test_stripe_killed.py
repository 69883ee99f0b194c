"""A daemon killed in the middle of webhook work: nothing is lost, nothing doubled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest

from pbxbilling.gateways.stripe.objects import TOPICS
from rig.waiting import until
from tests.support.daemon.storefront import Buyer, Storefront

pytestmark = pytest.mark.system

BUYERS = 6
CYCLES = "SELECT invoice FROM billing_cycle ORDER BY invoice"
STATUSES = {
    "active": "active",
    "past_due": "past_due",
    "unpaid": "read_only",
    "paused": "read_only",
    "canceled": "cancelled",
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Storefront]:
    with Storefront(tmp_path) as running:
        yield running


def a_burst(buyers: list[Buyer], chance: Random) -> None:
    """Change something for every buyer, and deliver every event twice."""
    for buyer in buyers:
        buyer.renews(paid=chance.random() < 0.5)
        buyer.becomes(chance.choice(["active", "past_due", "unpaid", "paused"]))
    chance.shuffle(buyers)


def killed_in_the_middle(shop: Storefront, buyers: list[Buyer], chance: Random) -> None:
    """Run a burst, kill after some of its posts; then start a new daemon, and let Stripe retry."""
    webhooks = shop.fake.webhooks
    so_far = len(webhooks.attempts)
    webhooks.hold()
    a_burst(buyers, chance)
    posts = len(webhooks.held()) * 2
    webhooks.release(lambda events: chance.sample(events * 2, posts))
    after = so_far + chance.randrange(posts)
    until(lambda: len(webhooks.attempts) > after, "some of it was posted", 30.0)
    shop.site.stop(SIGKILL)
    webhooks.settle(30.0)
    assert answered(shop) <= set(shop.webhook_events())
    shop.site.start()
    webhooks.retry()
    webhooks.settle(30.0)
    assert webhooks.failed == []


def answered(shop: Storefront) -> set[str]:
    """Return the used events that were answered 200: Stripe will never send them again."""
    attempts = [one for one in shop.fake.webhooks.attempts if one.type in TOPICS]
    return {one.event_id for one in attempts if one.status == HTTPStatus.OK}


def turns(shop: Storefront, slug: str) -> list[tuple[str, str]]:
    """Return every transition of a tenant's status in the audit trail, oldest first."""
    rows = shop.rows(
        "SELECT before, after FROM audit WHERE subject = ? AND before IS NOT NULL ORDER BY id",
        f"tenant {slug}",
    )
    changes = [(json.loads(row["before"]), json.loads(row["after"])) for row in rows]
    return [(was["status"], now["status"]) for was, now in changes if "status" in now]


def nothing_is_lost_or_doubled(shop: Storefront, buyers: list[Buyer]) -> None:
    happened = {one["id"] for one in shop.fake.events() if one["type"] in TOPICS}
    assert shop.webhook_events() == dict.fromkeys(happened, "done")
    for buyer in buyers:
        status = STATUSES[shop.fake.get(buyer.subscription)["status"]]
        assert buyer.status == status
        booked = turns(shop, buyer.slug)
        assert [was for was, _ in booked] == ["active", *(now for _, now in booked[:-1])]
        assert all(was != now for was, now in booked)
        assert ["active", *(now for _, now in booked)][-1] == status
    invoices = shop.rows("SELECT id, total FROM invoice")
    made = [(one["id"], one["total"]) for one in shop.fake.all("invoice")]
    assert sorted(map(tuple, invoices)) == sorted(made)
    paid = [one["id"] for one in shop.fake.all("invoice") if one["status"] == "paid"]
    assert [row["invoice"] for row in shop.rows(CYCLES)] == sorted(paid)
    customers = [row["id"] for row in shop.rows("SELECT id FROM customer")]
    assert sorted(customers) == sorted(buyer.customer for buyer in buyers)


def play(shop: Storefront, rounds: int, chance: Random) -> None:
    buyers = [shop.buyer().buys() for _ in range(BUYERS)]
    for _ in range(rounds):
        killed_in_the_middle(shop, buyers, chance)
    shop.fake.cancel(buyers[0].subscription)
    shop.settle()
    nothing_is_lost_or_doubled(shop, buyers)


def test_ten_kills_in_the_middle_of_webhooks_lose_and_double_nothing(shop: Storefront) -> None:
    play(shop, 10, Random(10))


@pytest.mark.soak
def test_a_hundred_kills_in_the_middle_of_webhooks(shop: Storefront) -> None:
    play(shop, 100, Random(100))
