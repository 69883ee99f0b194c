"""The `UsageMeter` port over Stripe's API: meter events, their sums, and reports of bad ones.

https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pbxbilling.calls.metering.usage_event import MeterEvent, MeterReport
from pbxbilling.gateways.stripe.client import AlreadyThereError, StripeApi, understood
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.payments.ports import MeterLimits

EVENT_NAME = "voice_call_minutes"
CUSTOMER, VALUE = "stripe_customer_id", "value"  # keys of an event's payload
LIMITS = MeterLimits(
    ahead=timedelta(minutes=5), known_again=timedelta(hours=24), oldest=timedelta(days=35)
)


class StripeMeter:
    """Sends to and reads from an account's meter of whole minutes."""

    name = STRIPE
    limits = LIMITS

    def __init__(self, api: StripeApi, event_name: str = EVENT_NAME) -> None:
        self._api = api
        self._event_name = event_name
        self._meter: str | None = None

    async def send(self, event: MeterEvent, customer: str) -> None:
        """Send one event; one that Stripe already has counts as sent.

        Uses no idempotency key: under one, Stripe would repeat an answer of 500 for a day.
        """
        params = {
            "event_name": self._event_name,
            "identifier": event.leg,
            "payload": {CUSTOMER: customer, VALUE: str(event.minutes)},
            "timestamp": int(event.ended_at.timestamp()),
        }
        try:
            request = self._api.v1.billing.meter_events.create_async(params)
            await self._api.call(f"usage of leg {event.leg}", request)
        except AlreadyThereError:
            return

    async def minutes(self, customer: str, begins: datetime, ends: datetime) -> int:
        """Return the sum of a customer's events in [begins, ends), both on whole minutes."""
        params = {
            "customer": customer,
            "start_time": int(begins.timestamp()),
            "end_time": int(ends.timestamp()),
        }
        meter = await self._meter_id()
        request = self._api.v1.billing.meters.event_summaries.list_async(meter, params)
        reply = await self._api.call(f"usage of customer {customer}", request)
        return understood(
            lambda: sum(round(float(one["aggregated_value"])) for one in reply.object["data"])
        )

    async def report(self, ident: str) -> MeterReport:
        """Fetch a report of bad events; its webhook carries only the id."""
        request = self._api.event_v2(ident)
        reply = await self._api.call(f"meter report {ident}", request)
        return understood(lambda: _report(reply.object["data"]))

    async def _meter_id(self) -> str:
        if self._meter is None:
            params = {"status": "active", "limit": 100}
            reply = await self._api.call("meters", self._api.v1.billing.meters.list_async(params))
            found = understood(lambda: list(_named(reply.object["data"], self._event_name)))
            if not found:
                msg = f"Stripe has no active meter {self._event_name}: create it there"
                raise GatewayError(msg, away=True)
            self._meter = found[0]
        return self._meter


def _named(meters: list[Mapping[str, Any]], event_name: str) -> Iterator[str]:
    return (str(meter["id"]) for meter in meters if meter["event_name"] == event_name)


def _report(data: Mapping[str, Any]) -> MeterReport:
    """Parse a report; its samples are not all bad events.

    https://docs.stripe.com/api/v2/core/events/event-types
    """
    reason = data["reason"]
    samples = {}
    for kind in reason["error_types"]:
        for sample in kind["sample_errors"]:
            samples[str(sample["request"]["identifier"])] = str(kind["code"])
    return MeterReport(int(reason["error_count"]), samples, str(data["developer_message_summary"]))
