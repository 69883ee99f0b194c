"""Translation of Stripe's objects into our terms."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.status import Status
from pbxbilling.gateways.stripe.objects import TOPICS, customer, message, subscription
from pbxbilling.kernel.errors import UnreadableError
from pbxbilling.subscriptions.events import InvoicedCycle, Topic
from tests.support.gateways.stripe import bodies
from tests.support.gateways.stripe.bodies import START, START_S


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("trialing", Status.TRIAL),
        ("active", Status.ACTIVE),
        ("past_due", Status.PAST_DUE),
        ("unpaid", Status.READ_ONLY),
        ("paused", Status.READ_ONLY),
        ("canceled", Status.CANCELLED),
        ("incomplete", Status.INCOMPLETE),
        ("incomplete_expired", Status.INCOMPLETE),
    ],
)
def test_statuses(word: str, status: Status) -> None:
    assert subscription(bodies.subscription(word), START).status is status


@pytest.mark.parametrize("given", ["", None, 7, ["id"]])
def test_what_is_no_object_is_unreadable(given: Any) -> None:
    with pytest.raises(UnreadableError, match=r"^subscription: "):
        subscription(given, START)


def test_a_status_that_nobody_knows_is_named() -> None:
    with pytest.raises(UnreadableError, match=r"sub_1: .*'dreaming' is new to this program"):
        subscription(bodies.subscription("dreaming"), START)


def test_pausing_the_collection_leaves_the_status_alone() -> None:
    paused = bodies.subscription(pause_collection={"behavior": "void"})
    assert subscription(paused, START).status is Status.ACTIVE


def test_the_period_is_that_of_the_item_that_is_due_first() -> None:
    items = [
        {
            "price": {"id": f"p{end}"},
            "current_period_start": START_S + start,
            "current_period_end": START_S + end,
        }
        for start, end in ((0, 9), (2, 3), (1, 3))
    ]
    read = subscription(bodies.subscription(items={"data": items}), START)
    assert read.period_start == START + timedelta(seconds=2)
    assert read.period_end == START + timedelta(seconds=3)
    assert read.prices == ("p9", "p3", "p3")


def test_older_shapes_have_period_and_plan_at_the_top() -> None:
    old = bodies.subscription(items={"data": []}, plan={"id": "plan_1"}, current_period_end=START_S)
    read = subscription(old, START)
    assert (read.prices, read.period_end) == (("plan_1",), START)


_MONTH = timedelta(days=30)
_PERIOD_END = START + _MONTH


@pytest.mark.parametrize(
    ("field", "ends_at", "renews_at"),
    [
        ({}, None, _PERIOD_END),
        ({"cancel_at_period_end": True}, _PERIOD_END, None),
        ({"cancel_at": START_S + 86_400}, START + timedelta(days=1), None),
        ({"cancel_at": START_S + 2_592_000}, _PERIOD_END, None),
        ({"cancel_at": START_S + 3 * 2_592_000}, START + 3 * _MONTH, _PERIOD_END),
        ({"cancel_at": START_S + 86_400, "cancel_at_period_end": True}, START + timedelta(1), None),
        ({"status": "canceled", "ended_at": START_S + 5}, START + timedelta(seconds=5), None),
        (
            {"status": "canceled", "ended_at": START_S + 5, "cancel_at": START_S + 86_400},
            START + timedelta(seconds=5),
            None,
        ),
    ],
)
def test_every_way_of_ending_it_says_when_and_whether_it_renews_before(
    field: dict[str, Any], ends_at: datetime | None, renews_at: datetime | None
) -> None:
    read = subscription(bodies.subscription(**field), START)
    assert (read.ends_at, read.renews_at) == (ends_at, renews_at)
    assert read.cancel_at_period_end or read.is_over or ends_at is None


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("finalized", "open"),
        ("paid", "paid"),
        ("payment_failed", "open"),
        ("voided", "void"),
        ("marked_uncollectible", "uncollectible"),
    ],
)
def test_every_status_of_an_invoice_is_told_by_an_event(kind: str, status: str) -> None:
    read = message(bodies.event(f"invoice.{kind}", _invoice("manual", status=status)))
    assert read.invoice is not None
    assert (read.topic, read.invoice.status) == (Topic.INVOICE, status)


def test_a_checkout_names_its_tenant_customer_and_subscription() -> None:
    session: dict[str, Any] = {"client_reference_id": "acme", "customer": "cus_1"}
    session |= {"subscription": "sub_1", "metadata": {"tenant": "acme"}, "payment_link": None}
    read = message(bodies.event("checkout.session.completed", session))
    assert (read.topic, read.about, read.tenant, read.customer_id, read.subscription_id) == (
        Topic.CHECKOUT,
        "sub_1",
        "acme",
        "cus_1",
        "sub_1",
    )


@pytest.mark.parametrize(
    ("written", "link", "claimed", "tenant"),
    [
        ("acme", None, "acme", "acme"),  # ours
        ("acme", None, None, "acme"),
        (None, None, "acme", None),  # a pricing table, or another program's session
        (None, "plink_1", "acme", None),
        ("acme", "plink_1", "acme", None),  # anyone with the link pays at it
        ("acme", "plink_1", None, None),
        ("acme", None, "globex", None),
        (None, None, None, None),
    ],
)
def test_a_checkout_is_a_tenants_by_what_we_wrote_on_it_and_never_by_what_the_payer_did(
    written: str | None, link: str | None, claimed: str | None, tenant: str | None
) -> None:
    session: dict[str, Any] = {"customer": "cus_1", "subscription": "sub_1", "payment_link": link}
    session |= {"client_reference_id": claimed, "metadata": {"tenant": written} if written else {}}
    read = message(bodies.event("checkout.session.completed", session))
    assert (read.tenant, read.claimed) == (tenant, claimed)


@pytest.mark.parametrize(
    "where",
    [
        {"parent": {"subscription_details": {"subscription": "sub_1"}}},
        {"subscription": "sub_1"},
        {"subscription": {"id": "sub_1"}},
    ],
)
def test_an_invoice_names_its_subscription_in_new_and_old_shapes(where: dict[str, Any]) -> None:
    invoice = {"id": "in_1", "customer": "cus_1", "total": 2900, "currency": "eur"}
    invoice |= {"created": START_S, "livemode": False, "number": None}
    read = message(bodies.event("invoice.paid", invoice | where))
    assert (read.about, read.subscription_id) == ("sub_1", "sub_1")
    assert read.invoice is not None
    assert (read.invoice.total, read.invoice.currency) == (2900, "EUR")


def _invoice(
    reason: str, *periods: tuple[int, int], status: str = "paid", **line: Any
) -> dict[str, Any]:
    lines = [{"period": {"start": START_S + a, "end": START_S + b}} | line for a, b in periods]
    return {
        "id": "in_1",
        "customer": "cus_1",
        "subscription": "sub_1",
        "total": 2900,
        "currency": "eur",
        "created": START_S,
        "livemode": False,
        "billing_reason": reason,
        "status": status,
        "period_end": START_S,
        "lines": {"data": lines},
    }


def _after(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("invoice", "opens"),
    [
        (_invoice("subscription_create", (0, 30)), InvoicedCycle(_after(0), _after(30))),
        (_invoice("subscription_cycle", (-30, 0), (0, 30)), InvoicedCycle(_after(0), _after(30))),
        (_invoice("subscription_cycle", (-30, 0)), InvoicedCycle(_after(0), None)),
        (_invoice("subscription_update", (0, 30)), None),
        (_invoice("subscription_cycle", (0, 30), proration=True), None),
        (_invoice("subscription_cycle"), None),
        (_invoice("manual", (0, 30)), None),
    ],
    ids=["first", "with usage", "usage alone", "changed", "prorated", "no lines", "by hand"],
)
def test_the_cycle_that_an_invoice_opens_is_in_its_lines(
    invoice: dict[str, Any], opens: InvoicedCycle | None
) -> None:
    assert message(bodies.event("invoice.paid", invoice)).opens == opens


def test_a_meter_report_is_an_event_of_the_newest_kind() -> None:
    thin = bodies.event(
        "v1.billing.meter.error_report_triggered", {}, created="2026-11-21T12:00:00.000Z", data=None
    )
    read = message(thin)
    assert (read.topic, read.created_at) == (Topic.METER_REPORT, START)
    assert "evt_1" in read.note


def test_what_is_left_of_a_deleted_customer_is_read() -> None:
    assert customer({"id": "cus_1", "object": "customer", "deleted": True}).deleted


@given(
    kind=st.sampled_from([*TOPICS, "payment_intent.created"]),
    what=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from([*bodies.subscription(), "data", "parent", "total", "currency"]),
                inner,
            )
        ),
    ),
)
def test_no_event_whatever_does_more_than_be_unreadable(kind: str, what: Any) -> None:
    with suppress(UnreadableError):
        message(bodies.event(kind, what))
