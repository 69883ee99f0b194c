"""Bodies in Stripe's form, reduced to the fields that are read, with Stripe's signatures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from stripe import WebhookSignature

SECRET = "whsec_1"
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
START_S = int(START.timestamp())


def subscription(status: str = "active", ident: str = "sub_1", **changed: Any) -> dict[str, Any]:
    """Return a subscription of tenant acme, in the shape of API 2026-10-28."""
    return {
        "id": ident,
        "object": "subscription",
        "customer": "cus_1",
        "status": status,
        "items": {
            "data": [
                {
                    "price": {"id": "price_1"},
                    "current_period_start": START_S,
                    "current_period_end": START_S + 2_592_000,
                }
            ]
        },
        "created": START_S,
        "livemode": False,
        "cancel_at_period_end": False,
        "trial_end": None,
        "metadata": {"tenant": "acme"},
    } | changed


def event(
    kind: str,
    what: dict[str, Any],
    ident: str = "evt_1",
    created: int | str = START_S,
    **changed: Any,
) -> bytes:
    """Return an event around an object."""
    body = {
        "id": ident,
        "object": "event",
        "type": kind,
        "created": created,
        "livemode": False,
        "data": {"object": what},
    } | changed
    return json.dumps(body).encode()


def signed(body: bytes, at: datetime = START, secret: str = SECRET) -> str:
    """Return the header that signs a body."""
    header: str = WebhookSignature.generate_signature_header(
        body.decode(), secret, timestamp=int(at.timestamp())
    )
    return header
