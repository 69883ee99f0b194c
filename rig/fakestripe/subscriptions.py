"""The endpoints of subscriptions."""

from rig.fakestripe import billing
from rig.fakestripe.bodies import Body
from rig.fakestripe.forms import boolean, integer, text
from rig.fakestripe.rejections import RejectedError, missing
from rig.fakestripe.requests import Request, listed


def listing(request: Request) -> Body:
    """List subscriptions; without a status, canceled ones are left out."""
    rows = request.books.rows("subscription", livemode=request.livemode)
    status = request.params.get("status")
    if status == "ended":
        rows = [row for row in rows if row["status"] in billing.ENDED]
    elif status not in (None, "all"):
        rows = [row for row in rows if row["status"] == status]
    elif status is None:
        rows = [row for row in rows if row["status"] != "canceled"]
    if payer := request.params.get("customer"):
        live = request.livemode
        request.books.get("customer", payer, livemode=live, param="customer", in_path=False)
        rows = [row for row in rows if row["customer"] == payer]
    if "price" in request.params:
        wanted = request.params["price"]
        rows = [
            row for row in rows if wanted in [one["price"]["id"] for one in row["items"]["data"]]
        ]
    return listed(request, rows)


def update(request: Request) -> Body:
    """Change the end, metadata, pause_collection or prices."""
    body, params = request.named("subscription"), request.params
    if body["status"] in billing.ENDED and set(params) - {"metadata", "cancellation_details"}:
        raise RejectedError(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    new = _ending(body, params, request.books.clock.now())
    if "metadata" in params:
        new["metadata"] = body["metadata"] | (params["metadata"] or {})
    if "pause_collection" in params:
        new["pause_collection"] = params["pause_collection"] or None
    if "items" in params:
        new["items"] = body["items"] | {"data": _changed_items(request, body)}
    request.books.change(body, "customer.subscription.updated", **new)
    return body


def _ending(body: Body, params: Body, now: int) -> Body:
    """Return the fields for cancel_at_period_end, or for cancel_at: a second, or a period's end.

    https://docs.stripe.com/changelog/basil/2025-07-30/cancel-at-enums
    """
    at_end = boolean(params, "cancel_at_period_end")
    if "cancel_at" not in params:
        return {} if at_end is None else billing.ending(body, now, at_period_end=at_end)
    if at_end is not None:
        raise RejectedError("You may only specify one of: cancel_at, cancel_at_period_end.")
    ends = billing.period_ends(body)
    named = {"min_period_end": min(ends), "max_period_end": max(ends)}
    at = named.get(params["cancel_at"]) or integer(params, "cancel_at")
    return billing.ending_at(at, now) | {"cancel_at_period_end": False}


def _changed_items(request: Request, body: Body) -> list[Body]:
    """Return the items with new prices: an id changes an item, a missing id adds one."""
    books, items = request.books, {item["id"]: item for item in body["items"]["data"]}
    for line in request.params["items"]:
        price = books.get(
            "price", text(line, "price"), livemode=request.livemode, param="items", in_path=False
        )
        if "id" in line and line["id"] not in items:
            raise missing("subscription item", line["id"], "items", in_path=False)
        made = billing.new_item(books, body["id"], price, books.clock.now(), None)
        made["id"] = line.get("id") or made["id"]
        items[made["id"]] = made
    return list(items.values())


def cancel(request: Request) -> Body:
    """Cancel at once. An ended subscription is not found."""
    body = request.named("subscription")
    if body["status"] in billing.ENDED:
        raise missing("subscription", body["id"], "id", in_path=True)
    invoice_now = bool(boolean(request.params, "invoice_now"))
    billing.cancel(request.books, body, invoice_now=invoice_now, reason="cancellation_requested")
    return body


def pause(request: Request) -> Body:
    """Pause it until resumed; nothing is invoiced meanwhile."""
    body = request.named("subscription")
    request.books.change(body, "customer.subscription.paused", status="paused")
    return body


def resume(request: Request) -> Body:
    """Resume a paused one."""
    body = request.named("subscription")
    if body["status"] != "paused":
        raise RejectedError("Only a paused subscription can be resumed.")
    request.books.change(body, "customer.subscription.resumed", status="active")
    return body
