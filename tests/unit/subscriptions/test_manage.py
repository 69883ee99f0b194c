"""Ends of subscriptions, revoked or not, and the tenants they belong to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.kernel.errors import AdministrationError, GatewayError, NotFoundError
from pbxbilling.subscriptions.facts import Drifted, PaymentAlert
from tests.support.kernel.actors import named
from tests.support.store.records import after
from tests.support.subscriptions.shop import ACME, Shop

AWAY = GatewayError("end of subscription sub_1: Stripe did not answer within 6 s", away=True)


async def test_an_end_at_the_periods_end_lets_calls_pass_until_then() -> None:
    shop = Shop()
    await shop.subscribe()
    result = await shop.subscriptions.cancel("acme", named("alice"), now=False)
    assert result.subscription.cancel_at_period_end
    assert (shop.acme.status, shop.acme.renews_at) == (Status.ACTIVE, None)
    assert result.notes == ("until it ends, calls pass and usage is billed",)


async def test_an_end_now_is_in_force_at_once() -> None:
    shop = Shop()
    await shop.subscribe()
    result = await shop.subscriptions.cancel("acme", named("alice"), now=True)
    assert result.subscription.is_over
    assert shop.acme.status is Status.CANCELLED
    assert shop.store.tenants["acme"].status is Status.CANCELLED
    assert result.notes[0] == "tenant acme is cancelled now"


async def test_an_end_is_audited_and_is_no_drift() -> None:
    shop = Shop()
    await shop.subscribe()
    shop.store.audited.clear()
    await shop.subscriptions.cancel("acme", named("alice"), now=True)
    (act,) = [row for row in shop.store.audited if row.actor == "alice"]
    assert (act.action, act.subject) == ("subscription cancel --now", "tenant acme")
    assert act.before == {
        "subscription": "sub_1",
        "status": "active",
        "cancel_at_period_end": False,
    }
    assert act.after == {**act.before, "status": "cancelled"}
    assert not [fact for fact in shop.facts if isinstance(fact, Drifted)]


async def test_a_cancellation_without_an_answer_changes_nothing_and_is_audited() -> None:
    shop = Shop()
    await shop.subscribe()
    shop.checkout_gateway.fault = AWAY
    with pytest.raises(GatewayError):
        await shop.subscriptions.cancel("acme", named("alice"), now=True)
    assert shop.acme.status is Status.ACTIVE
    assert shop.store.audited[-1].after == {"subscription": "sub_1", "failed": str(AWAY)}


async def test_an_end_can_be_taken_back() -> None:
    shop = Shop()
    await shop.subscribe()
    await shop.subscriptions.cancel("acme", named("alice"), now=False)
    result = await shop.subscriptions.reactivate("acme", named("alice"))
    assert not result.subscription.cancel_at_period_end
    assert result.notes == ()
    again = await shop.subscriptions.reactivate("acme", named("alice"))
    assert again.notes == ("it was not cancelled",)


async def test_what_is_over_is_over_for_good() -> None:
    shop = Shop()
    await shop.subscribe(Status.CANCELLED)
    for act in (
        shop.subscriptions.reactivate("acme", named("alice")),
        shop.subscriptions.cancel("acme", named("alice"), now=False),
    ):
        with pytest.raises(AdministrationError, match="sub_1 of tenant acme is over for good"):
            await act


async def test_without_a_subscription_there_is_nothing_to_end() -> None:
    with pytest.raises(AdministrationError, match="tenant acme has no subscription"):
        await Shop().subscriptions.cancel("acme", named("alice"), now=True)
    with pytest.raises(NotFoundError, match="tenant 'nobody' is unknown"):
        await Shop().subscriptions.cancel("nobody", named("alice"), now=True)


async def test_one_of_the_other_mode_is_left_alone() -> None:
    shop = Shop()
    await shop.subscribe(live=True)
    with pytest.raises(AdministrationError, match="tenant acme has no subscription"):
        await shop.subscriptions.cancel("acme", named("alice"), now=True)


async def test_the_best_is_ended_and_the_others_are_named() -> None:
    shop = Shop()
    await shop.subscribe(Status.PAST_DUE)
    await shop.subscribe(Status.ACTIVE)
    result = await shop.subscriptions.cancel("acme", named("alice"), now=True)
    assert result.subscription.id == "sub_2"
    assert "tenant acme has another subscription, sub_1, which is past_due" in result.notes
    assert shop.acme.status is Status.PAST_DUE


METERED = replace(ACME, usage_collection=UsageCollection(CollectionMethod.METER_EVENTS))


@pytest.mark.parametrize(
    ("collection", "refused"),
    [
        (UsageCollection(CollectionMethod.METER_EVENTS), True),
        (UsageCollection(before=CollectionMethod.METER_EVENTS, since=after(10**7)), True),
        (UsageCollection(CollectionMethod.METER_EVENTS, since=after(10**7)), True),
        (UsageCollection(CollectionMethod.INVOICE_ITEMS), False),
        (UsageCollection(), False),
    ],
)
async def test_no_subscription_ends_under_a_live_call_that_its_meter_would_charge(
    collection: UsageCollection, *, refused: bool
) -> None:
    shop = Shop(replace(ACME, usage_collection=collection))
    await shop.subscribe()
    shop.live_calls = 1
    if not refused:
        assert (
            await shop.subscriptions.cancel("acme", named("alice"), now=True)
        ).subscription.is_over
        return
    with pytest.raises(AdministrationError, match="1 call is live of tenant acme, and what they"):
        await shop.subscriptions.cancel("acme", named("alice"), now=True)
    assert shop.acme.status is Status.ACTIVE
    await shop.subscriptions.cancel("acme", named("alice"), now=False)
    shop.live_calls = 0
    assert (await shop.subscriptions.cancel("acme", named("alice"), now=True)).subscription.is_over


GLOBEX = replace(METERED, slug="globex", customer="cus_1", subscription="sub_9")


async def test_two_tenants_meters_are_not_linked_to_one_customer() -> None:
    shop = Shop(METERED, GLOBEX)
    await shop.subscribe(tenant=None)
    with pytest.raises(AdministrationError, match="customer cus_1 is that of acme and globex"):
        await shop.subscriptions.link("sub_1", "acme", named("alice"))
    assert shop.acme.customer is None


@pytest.mark.parametrize(
    ("acme", "globex"),
    [
        (METERED, replace(GLOBEX, usage_collection=UsageCollection())),
        (ACME, GLOBEX),
        (METERED, replace(GLOBEX, demo=True)),
        (METERED, replace(GLOBEX, subscription="sub_1")),
    ],
    ids=["the other is not metered", "nor is this one", "a demo", "its own subscription moves"],
)
async def test_one_meter_a_customer_is_no_reason_to_refuse(acme: Tenant, globex: Tenant) -> None:
    shop = Shop(acme, globex)
    await shop.subscribe(tenant=None)
    assert (
        await shop.subscriptions.link("sub_1", "acme", named("alice"))
    ).subscription.tenant == "acme"


async def test_two_tenants_that_come_to_share_a_meter_are_named() -> None:
    shop = Shop(METERED, replace(METERED, slug="globex"))
    await shop.subscribe()
    await shop.follower.apply_snapshot(shop.bought(tenant="globex"))
    (alert,) = [fact for fact in shop.facts if isinstance(fact, PaymentAlert)]
    assert "customer cus_1 is that of acme and globex, all with charges" in alert.note
    assert shop.follower.shared_meters() == [alert.note]


async def test_a_strangers_subscription_can_be_linked() -> None:
    shop = Shop()
    await shop.subscribe(tenant=None, customer="cus_stranger")
    assert shop.acme.subscription is None
    result = await shop.subscriptions.link("sub_1", "acme", named("alice"))
    assert result.subscription.tenant == "acme"
    assert shop.acme.status is Status.ACTIVE
    with pytest.raises(NotFoundError, match="'sub_9' is unknown"):
        await shop.subscriptions.link("sub_9", "acme", named("alice"))
    with pytest.raises(NotFoundError, match="tenant 'nobody' is unknown"):
        await shop.subscriptions.link("sub_1", "nobody", named("alice"))


async def test_a_demo_tenant_cannot_have_a_subscription() -> None:
    shop = Shop(replace(ACME, demo=True))
    with pytest.raises(AdministrationError, match="tenant acme is a demo"):
        await shop.subscriptions.link("sub_1", "acme", named("alice"))


async def test_nothing_ends_at_once_before_the_meter_has_heard_of_its_calls() -> None:
    shop = Shop()
    await shop.subscribe()
    shop.unsent = 2
    with pytest.raises(AdministrationError, match="2 calls of tenant acme have not reached"):
        await shop.subscriptions.cancel("acme", named("alice"), now=True)
    assert shop.acme.status is Status.ACTIVE
    result = await shop.subscriptions.cancel("acme", named("alice"), now=False)
    assert result.subscription.cancel_at_period_end
