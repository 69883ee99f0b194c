"""What becomes of usage that a payment gateway is told of, and of invoices for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.calls.metering.usage_event import EventState
from pbxbilling.kernel.facts import Fact


@dataclass(frozen=True, slots=True)
class UsageTold(Fact):
    """The meter event of a leg came to an end: it was sent, or why a person has to look at it."""

    at: datetime
    leg: str
    tenant: str
    minutes: int
    state: EventState
    note: str = ""


@dataclass(frozen=True, slots=True)
class UsageHeldUp(Fact):
    """No usage can be sent for now; told once until it can."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class UsageGoesOn(Fact):
    """It can be sent again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceIssued(Fact):
    """An invoice of a period's usage was finalized and sent; `total` in minor units."""

    at: datetime
    tenant: str
    month: str
    invoice: str
    total: int
    currency: str
