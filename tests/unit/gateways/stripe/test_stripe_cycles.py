"""The cycle that an invoice opens is its subscription's, whatever else stands on the invoice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.gateways.stripe.cycles import Opened, opened
from pbxbilling.subscriptions.events import InvoicedCycle
from tests.support.gateways.stripe.bodies import START, START_S

SECONDS = st.integers(-(10**8), 10**8)
PERIODS = st.tuples(SECONDS, SECONDS).map(lambda ab: (min(ab), max(ab)))
OTHER_KINDS = st.sampled_from(["item", "old item", "proration", "old proration"])
OTHERS = st.lists(st.tuples(OTHER_KINDS, PERIODS), max_size=20)


def line(kind: str, period: tuple[int, int]) -> dict[str, Any]:
    """Return a line in the shape of its kind, with dates relative to the renewal."""
    dates = {"period": {"start": START_S + period[0], "end": START_S + period[1]}}
    is_proration = kind.endswith("proration")
    match kind:
        case "item":
            return dates | {"parent": {"type": "invoice_item_details"}}
        case "old item":
            return dates | {"type": "invoiceitem", "proration": False}
        case "old" | "old proration":
            return dates | {"type": "subscription", "proration": is_proration}
        case _:
            details = {"proration": is_proration}
            kind = "subscription_item_details"
            return dates | {"parent": {"type": kind, kind: details}}


def invoice(lines: list[dict[str, Any]], *, reason: str, more: bool = False) -> dict[str, Any]:
    data = {"data": lines, "has_more": more}
    return {"billing_reason": reason, "period_end": START_S, "lines": data}


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


@given(
    others=OTHERS,
    reason=st.sampled_from(["subscription_create", "subscription_cycle"]),
    own=st.sampled_from(["own", "old"]),
    usage=st.booleans(),
    shown=st.integers(0, 25),
    length=st.integers(1, 10**8),
    data=st.data(),
)
def test_the_begin_is_the_invoices_and_the_end_its_own_lines_or_unknown(
    others: list[tuple[str, tuple[int, int]]],
    reason: str,
    own: str,
    usage: bool,
    shown: int,
    length: int,
    data: st.DataObject,
) -> None:
    lines = [line(*other) for other in others]
    renewed = line(own, (0, length))
    for one in [renewed, *([line(own, (-length, 0))] if usage else [])]:
        lines.insert(data.draw(st.integers(0, len(lines))), one)
    seen = lines[:shown]
    found = opened(invoice(seen, reason=reason, more=len(seen) < len(lines)))
    assert found.cycle is not None
    assert found.cycle.begins == START
    assert found.cycle.ends == (at(length) if renewed in seen else None)
    assert found.whole is (renewed in seen)


@given(others=OTHERS, dates=PERIODS.filter(lambda period: period[0] != 0))
def test_dates_that_somebody_gave_to_its_own_lines_are_none_of_the_cycle(
    others: list[tuple[str, tuple[int, int]]], dates: tuple[int, int]
) -> None:
    lines = [line(*other) for other in others] + [line("own", dates)]
    found = opened(invoice(lines, reason="subscription_cycle"))
    assert found == Opened(InvoicedCycle(START, None))


@given(others=OTHERS, more=st.booleans())
def test_no_line_of_its_own_opens_nothing_unless_one_may_follow(
    others: list[tuple[str, tuple[int, int]]],
    more: bool,
) -> None:
    lines = [line(*other) for other in others]
    found = opened(invoice(lines, reason="subscription_cycle", more=more))
    assert found == (Opened(InvoicedCycle(START, None), whole=False) if more else Opened(None))


@given(
    others=OTHERS,
    reason=st.sampled_from(
        ["subscription_update", "subscription_threshold", "manual", "upcoming", None]
    ),
)
def test_no_other_invoice_opens_a_cycle(
    others: list[tuple[str, tuple[int, int]]], reason: str
) -> None:
    lines = [line("own", (0, 30)), *(line(*other) for other in others)]
    assert opened(invoice(lines, reason=reason)) == Opened(None)
