"""A daemon killed while it sends usage: nothing is lost, nothing doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest

from pbxbilling.runtime.database_url import DatabaseUrl
from rig.fakestripe import Fault
from rig.waiting import patience_s, until
from tests.support.daemon.storefront import Buyer, Storefront

pytestmark = pytest.mark.system

EVENTS = "/v1/billing/meter_events"
UNSENT = "SELECT leg, state FROM meter_event WHERE state != 'sent'"
LEDGER = "SELECT tenant, billed_s FROM leg WHERE billed_s > 0"
CALLS_EACH = 4
LOST_MOST = 2
"""Each may cost a pause of its own, three times as long as the one before."""


@pytest.fixture
def shop(tmp_path: Path, shared_place: DatabaseUrl) -> Iterator[Storefront]:
    with Storefront(tmp_path, journal=True, place=shared_place) as running:
        yield running


def killed_while_sending(shop: Storefront, buyers: list[Buyer], chance: Random) -> int:
    """Place calls, and kill the daemon when some have reached the meter; return how many talked."""
    so_far = len(shop.fake.all("billing.meter_event"))
    if chance.random() < 0.5:
        lost = chance.randrange(1, LOST_MOST + 1)
        shop.fake.break_api(Fault.ANSWER_LOST, path=EVENTS, times=lost)
    calls = [
        buyer.calls(talk_s=chance.uniform(0.01, 2.5)) for buyer in buyers for _ in range(CALLS_EACH)
    ]
    some = so_far + chance.randrange(1, len(calls) // 2)
    until(lambda: len(shop.fake.all("billing.meter_event")) >= some, "some was sent", 40.0)
    shop.site.stop(SIGKILL)
    talked = [call.result(patience_s(20)).talked_s > 0 for call in calls]
    shop.fake.mend_api()
    shop.site.start()
    return sum(talked)


def ledger(shop: Storefront) -> Counter[str]:
    """Return the whole minutes charged for legs, by customer."""
    customers = {row["tenant"]: row["customer"] for row in shop.rows("SELECT * FROM subscription")}
    sums: Counter[str] = Counter()
    for row in shop.rows(LEDGER):
        sums[customers[row["tenant"]]] += row["billed_s"] // 60
    return sums


def play(shop: Storefront, rounds: int, chance: Random) -> None:
    buyers = shop.meter("m0", "m1", "m2")
    talked = sum(killed_while_sending(shop, buyers, chance) for _ in range(rounds))
    until(lambda: len(shop.rows("SELECT leg FROM meter_event")) == talked, "legs are known", 60.0)
    until(lambda: not shop.rows(UNSENT), "all usage is sent", 90.0)
    sent = [event["identifier"] for event in shop.fake.all("billing.meter_event")]
    assert sorted(sent) == sorted(set(sent))
    assert len(sent) == talked
    assert shop.metered() == ledger(shop)


def test_ten_kills_while_usage_is_sent_lose_and_double_nothing(shop: Storefront) -> None:
    play(shop, 10, Random(10))


@pytest.mark.soak
def test_a_hundred_kills_while_usage_is_sent(shop: Storefront) -> None:
    play(shop, 100, Random(100))
