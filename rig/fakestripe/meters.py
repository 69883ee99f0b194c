"""Meters: usage sent as events, validated later, and summed per customer.

https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api
"""

from datetime import UTC, datetime

from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.forms import integer
from rig.fakestripe.rejections import RejectedError

OLDEST_S = 35 * 24 * 3600
AHEAD_S = 300
IDENTIFIER_KEPT_S = 24 * 3600


def create(books: Books, event_name: str, *, livemode: bool) -> Body:
    """Create a meter that sums the `value` of its events."""
    now = books.clock.now()
    return books.put(
        {
            "id": books.new_id("mtr"),
            "object": "billing.meter",
            "created": now,
            "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
            "default_aggregation": {"formula": "sum"},
            "display_name": event_name,
            "event_name": event_name,
            "event_time_window": None,
            "livemode": livemode,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": now,
            "value_settings": {"event_payload_key": "value"},
        }
    )


def record(books: Books, params: Body, *, livemode: bool) -> Body:
    """Accept one event. An unknown customer or a bad value is reported later, not here.

    Raises RejectedError for a time out of bounds and for an identifier seen within a day.
    """
    now = books.clock.now()
    at = integer(params, "timestamp") or now
    if not now - OLDEST_S <= at <= now + AHEAD_S:
        code = "timestamp_in_future" if at > now else "timestamp_too_far_in_past"
        raise RejectedError(
            "The timestamp must be within the past 35 days or up to 5 minutes in the future.",
            code=code,
            param="timestamp",
        )
    identifier = params.get("identifier") or books.new_id("auto")
    for other in books.rows("billing.meter_event", livemode=livemode):
        if other["identifier"] == identifier and now - other["created"] < IDENTIFIER_KEPT_S:
            raise RejectedError(f"An event already exists with identifier {identifier}.")
    body = {
        "object": "billing.meter_event",
        "created": now,
        "event_name": params["event_name"],
        "identifier": identifier,
        "livemode": livemode,
        "payload": dict(params["payload"]),
        "timestamp": at,
    }
    books.put(body | {"id": books.new_id("mev"), "billed": False, "fault": _fault(books, body)})
    return body


def _fault(books: Books, event: Body) -> str | None:
    """Return what Stripe will report as wrong with the event afterwards."""
    payload = event["payload"]
    names = [row["event_name"] for row in books.rows("billing.meter", livemode=event["livemode"])]
    if event["event_name"] not in names:
        return "no_meter"
    if payload.get("stripe_customer_id") is None:
        return "meter_event_no_customer_defined"
    customer = books.find(payload["stripe_customer_id"])
    if customer is None or customer.get("deleted"):
        return "meter_event_customer_not_found"
    return None if payload.get("value", "").isdigit() else "meter_event_invalid_value"


def events(books: Books, meter: Body, customer_id: str) -> list[Body]:
    """Return the good events of one customer, newest first."""
    return [
        row
        for row in books.rows("billing.meter_event", livemode=meter["livemode"])
        if row["event_name"] == meter["event_name"]
        and row["fault"] is None
        and row["payload"]["stripe_customer_id"] == customer_id
    ]


def faulty(books: Books) -> list[Body]:
    """Return the events that no sum includes."""
    return [row for row in books.rows("billing.meter_event") if row["fault"]]


def take_unbilled(books: Books, meter_id: str, customer_id: str) -> int:
    """Return the usage not yet invoiced, and mark it as invoiced."""
    taken = [
        row
        for row in events(books, books.get("billing.meter", meter_id), customer_id)
        if not row["billed"]
    ]
    for row in taken:
        row["billed"] = True
    return sum(int(row["payload"]["value"]) for row in taken)


def summary(books: Books, meter: Body, customer_id: str, start: int, end: int) -> Body:
    """Return the sum of the events in [start, end). Both must be whole minutes."""
    if start % 60 or end % 60:
        raise RejectedError("start_time and end_time must align with minute boundaries.")
    inside = [row for row in events(books, meter, customer_id) if start <= row["timestamp"] < end]
    return {
        "id": books.new_id("mtrsum"),
        "object": "billing.meter_event_summary",
        "aggregated_value": float(sum(int(row["payload"]["value"]) for row in inside)),
        "end_time": end,
        "livemode": meter["livemode"],
        "meter": meter["id"],
        "start_time": start,
    }


def error_report(books: Books, meter: Body, faults: list[Body]) -> Body:
    """Return the v2 event about bad events, with its data. Webhooks omit the data: see `thin`."""
    at = _iso(books.clock.now())
    by_code: dict[str, list[Body]] = {}
    for row in faults:
        by_code.setdefault(row["fault"], []).append(row)
    error_types = [
        {
            "code": code,
            "error_count": len(rows),
            "sample_errors": [
                {"error_message": code, "request": {"identifier": row["identifier"]}}
                for row in rows
            ],
        }
        for code, rows in by_code.items()
    ]
    return books.put(
        {
            "id": books.new_id("evt"),
            "object": "v2.core.event",
            "type": "v1.billing.meter.error_report_triggered",
            "created": at,
            "livemode": meter["livemode"],
            "context": None,
            "reason": None,
            "related_object": {
                "id": meter["id"],
                "type": "billing.meter",
                "url": f"/v1/billing/meters/{meter['id']}",
            },
            "data": {
                "developer_message_summary": f"There are {len(faults)} invalid events.",
                "reason": {"error_count": len(faults), "error_types": error_types},
                "validation_start": at,
                "validation_end": at,
            },
        }
    )


def thin(event: Body) -> Body:
    """Return the webhook's form of a v2 event, whose details are fetched by its id."""
    return {name: value for name, value in event.items() if name != "data"}


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
