"""The life of subscriptions and invoices, with the events that Stripe sends about it."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rig.fakestripe import billing_bodies as bodies
from rig.fakestripe import invoice_bodies, lines, meters
from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.prices import cost

ENDED = ("canceled", "incomplete_expired")
DAY_S = 24 * 3600


def after(start: int, interval: str, count: int = 1, day: int | None = None) -> int:
    """Return the end of a period from `start`; the 31st becomes the last day of a shorter month.

    `day` is that of the subscription's anchor; None: the day of `start`.
    """
    at = datetime.fromtimestamp(start, UTC)
    if interval in ("day", "week"):
        days = count * (7 if interval == "week" else 1)
        return int((at + timedelta(days=days)).timestamp())
    months = at.year * 12 + at.month - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    last = monthrange(year, month + 1)[1]
    return int(at.replace(year=year, month=month + 1, day=min(day or at.day, last)).timestamp())


def subscribe(
    books: Books,
    payer: Body,
    prices: list[Body],
    *,
    metadata: Body,
    trial_end: int | None = None,
    status: str = "incomplete",
) -> Body:
    """Create a subscription to the recurring `prices`; the others go on its first invoice.

    In a trial the first invoice has only the one-time prices. Nothing is paid yet.
    """
    now = books.clock.now()
    trial = (now, trial_end) if trial_end else None
    object_id = books.new_id("sub")
    recurring = [price for price in prices if price["recurring"]]
    body = bodies.subscription(
        object_id,
        now,
        customer_id=payer["id"],
        status="trialing" if trial else status,
        items=[new_item(books, object_id, price, now, trial) for price in recurring],
        metadata=metadata,
        trial=trial,
        livemode=payer["livemode"],
    )
    books.put(body)
    once = [price for price in prices if not price["recurring"]]
    start = body["items"]["data"][0]["current_period_start"]
    made = draw_up(books, body, "subscription_create", body["items"]["data"], (start, start), once)
    books.tell("customer.subscription.created", body)
    _tell_of_new(books, made)
    return body


def new_item(
    books: Books, subscription_id: str, price: Body, start: int, trial: tuple[int, int] | None
) -> Body:
    """Create an item whose first period is the trial, or one interval of its price."""
    recurring = price["recurring"]
    end = trial[1] if trial else after(start, recurring["interval"], recurring["interval_count"])
    item_id = books.new_id("si")
    return bodies.subscription_item(item_id, start, subscription_id, dict(price), (start, end))


def draw_up(
    books: Books,
    subscription: Body,
    reason: str,
    items: list[Body],
    past: tuple[int, int],
    once: Sequence[Body] = (),
) -> Body:
    """Create an open invoice for `items`, usage not yet invoiced, and the prices of `once`.

    `past` is the finished period: that of the usage, and also the invoice's own, as Stripe has it.
    """
    object_id = books.new_id("in")
    start, end = items[0]["current_period_start"], items[0]["current_period_end"]
    rows = lines.take_pending(books, subscription["id"], object_id)
    rows += [_item_line(books, object_id, subscription, item, reason, past) for item in items]
    rows += [
        invoice_bodies.line(
            books.new_id("il"),
            object_id,
            price,
            amount=cost(books, price, 1),
            quantity=1,
            subscription_id=subscription["id"],
            item_id=None,
            period=(start, end),
        )
        for price in once
    ]
    made = invoice_bodies.invoice(
        object_id,
        books.clock.now(),
        of=subscription,
        payer=books.get("customer", subscription["customer"]),
        reason=reason,
        past=past,
        number=f"FAKE-{object_id[-4:]}",
    )
    lines.put(books, made, rows)
    subscription["latest_invoice"] = object_id
    return books.put(made)


def _item_line(
    books: Books,
    invoice_id: str,
    subscription: Body,
    item: Body,
    reason: str,
    past: tuple[int, int],
) -> Body:
    price, period = item["price"], (item["current_period_start"], item["current_period_end"])
    if meter := price["recurring"]["meter"]:
        period = past
        quantity = int(meters.take_unbilled(books, meter, subscription["customer"]))
    else:
        quantity = 0 if subscription["status"] == "trialing" or reason == "manual" else 1
    return invoice_bodies.line(
        books.new_id("il"),
        invoice_id,
        price,
        amount=cost(books, price, quantity),
        quantity=quantity,
        subscription_id=subscription["id"],
        item_id=item["id"],
        period=period,
    )


def _tell_of_new(books: Books, invoice: Body) -> None:
    books.tell("invoice.created", invoice)
    books.tell("invoice.finalized", invoice)


def pay(books: Books, invoice: Body) -> None:
    """Mark it paid: sends invoice.paid and its older twin; an unpaid subscription turns active."""
    now = books.clock.now()
    invoice.update(
        status="paid",
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempted=True,
        attempt_count=invoice["attempt_count"] + 1,
        next_payment_attempt=None,
        status_transitions=invoice["status_transitions"] | {"paid_at": now},
    )
    books.tell("invoice.paid", invoice)
    books.tell("invoice.payment_succeeded", invoice)
    subscription = subscription_of(books, invoice)
    if subscription["status"] in ("incomplete", "past_due", "unpaid"):
        books.change(subscription, "customer.subscription.updated", status="active")


def fail(books: Books, invoice: Body) -> None:
    """Decline the charge: Stripe retries in three days; an active subscription becomes past due."""
    invoice.update(
        attempted=True,
        attempt_count=invoice["attempt_count"] + 1,
        next_payment_attempt=books.clock.now() + 3 * DAY_S,
    )
    books.tell("invoice.payment_failed", invoice)
    subscription = subscription_of(books, invoice)
    if subscription["status"] in ("active", "trialing"):
        books.change(subscription, "customer.subscription.updated", status="past_due")


def give_up(books: Books, invoice: Body, status: str) -> None:
    """Void an open invoice, or mark it uncollectible: nothing of it is owed, or hoped for."""
    kind = "voided" if status == "void" else f"marked_{status}"
    moved = invoice["status_transitions"] | {f"{kind}_at": books.clock.now()}
    invoice.update(status=status, next_payment_attempt=None, status_transitions=moved)
    books.tell(f"invoice.{kind}", invoice)


def subscription_of(books: Books, invoice: Body) -> Body:
    """Return the subscription that an invoice belongs to."""
    details = invoice["parent"]["subscription_details"]
    return books.get("subscription", details["subscription"])


def add_pending(
    books: Books, subscription: Body, amount: int, period: tuple[int, int], *, proration: bool
) -> None:
    """Put a line on the next invoice of a subscription; a proration is one of its first item."""
    item = subscription["items"]["data"][0]
    made = invoice_bodies.line(
        books.new_id("il"),
        "",
        item["price"],
        amount=amount,
        quantity=1,
        subscription_id=subscription["id"],
        item_id=item["id"] if proration else None,
        period=period,
    )
    details = made["parent"][made["parent"]["type"]]
    details["proration"] = proration
    lines.wait(books, subscription["id"], made)


def renew(
    books: Books, subscription: Body, *, paid: bool, service: tuple[int, int] | None = None
) -> Body:
    """Begin the next period; return its invoice, which is paid or declined.

    Items whose period ends later, such as yearly ones, are not on it. `service` are dates of its
    items' lines that are not those of the period.
    """
    end = min(period_ends(subscription))
    past = (min(item["current_period_start"] for item in subscription["items"]["data"]), end)
    due = [item["current_period_end"] == end for item in subscription["items"]["data"]]
    items = [
        _next_period(item, subscription["billing_cycle_anchor"]) if is_due else item
        for item, is_due in zip(subscription["items"]["data"], due, strict=True)
    ]
    new = {"items": subscription["items"] | {"data": items}}
    if subscription["status"] == "trialing":
        new["status"] = "active"
    books.change(subscription, "customer.subscription.updated", **new)
    charged = [item for item, is_due in zip(items, due, strict=True) if is_due]
    made = draw_up(books, subscription, "subscription_cycle", charged, past)
    if service:
        lines.date(books, made, service)
    _tell_of_new(books, made)
    (pay if paid else fail)(books, made)
    return made


def _next_period(item: Body, anchor: int) -> Body:
    start, recurring = item["current_period_end"], item["price"]["recurring"]
    day = datetime.fromtimestamp(anchor, UTC).day
    end = after(start, recurring["interval"], recurring["interval_count"], day)
    return item | {"current_period_start": start, "current_period_end": end}


def cancel(books: Books, subscription: Body, *, invoice_now: bool, reason: str) -> None:
    """End the subscription now. Usage not yet invoiced is lost, unless `invoice_now`."""
    if invoice_now:
        items = subscription["items"]["data"]
        past = (items[0]["current_period_start"], books.clock.now())
        made = draw_up(books, subscription, "manual", items, past)
        _tell_of_new(books, made)
        pay(books, made)
    now = books.clock.now()
    details = subscription["cancellation_details"] | {"reason": reason}
    subscription.update(
        status="canceled", canceled_at=now, ended_at=now, cancellation_details=details
    )
    books.tell("customer.subscription.deleted", subscription)


def forget_customer(books: Books, customer: Body) -> None:
    """Delete a customer, after ending its subscriptions."""
    for one in books.rows("subscription"):
        if one["customer"] == customer["id"] and one["status"] not in ENDED:
            cancel(books, one, invoice_now=False, reason="cancellation_requested")
    books.tell("customer.deleted", customer)
    books.drop(customer)


def ending(subscription: Body, now: int, *, at_period_end: bool) -> dict[str, Any]:
    """Return the fields for ending with the period or not. A date already set stays."""
    if not at_period_end and not subscription["cancel_at_period_end"]:
        return {}
    at = min(period_ends(subscription)) if at_period_end else None
    return ending_at(at, now) | {"cancel_at_period_end": at_period_end}


def ending_at(at: int | None, now: int) -> dict[str, Any]:
    """Return the fields for ending at `at`, or for not ending."""
    return {"cancel_at": at, "canceled_at": None if at is None else now}


def period_ends(subscription: Body) -> list[int]:
    """Return the period ends of its items, which may mix monthly and yearly ones."""
    return [item["current_period_end"] for item in subscription["items"]["data"]]
