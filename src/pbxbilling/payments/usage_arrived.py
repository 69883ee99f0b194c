"""Whether a meter event of unknown outcome arrived, by what the meter adds up."""

from __future__ import annotations

from datetime import timedelta

from pbxbilling.calls.metering.usage_event import MeterEvent, UsageEventState
from pbxbilling.payments.ports import MeterOutbox, UsageMeter

_MINUTE = timedelta(minutes=1)


async def arrived(event: MeterEvent, meter: UsageMeter, outbox: MeterOutbox) -> bool | None:
    """Whether the gateway has it; None where the sum of its minute could mean either.

    The customer's sum over the minute of the leg's end is held against what was sent for sure
    and what may have been.
    """
    customer = event.customer or ""
    begins = event.ended_at.replace(second=0, microsecond=0)
    tried = await outbox.tried(customer, begins, begins + _MINUTE)
    there = await meter.minutes(customer, begins, begins + _MINUTE)
    sure = sum(one.minutes for one in tried if one.state is UsageEventState.SENT)
    doubtful = sum(one.minutes for one in tried if one.state is UsageEventState.SENDING)
    if there == sure:
        return False
    return True if there == sure + doubtful else None
