"""Facts about usage that is sent to a payment gateway, and about invoices for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.kernel.facts import Fact


@dataclass(frozen=True, slots=True)
class UsageSent(Fact):
    """The meter event of a leg was sent, or an operator has to look at it: `note` says why."""

    at: datetime
    leg: str
    tenant: str
    minutes: int
    state: UsageEventState
    note: str = ""


@dataclass(frozen=True, slots=True)
class UsageDelayed(Fact):
    """No usage can be sent for now; published once until it can."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class UsageResumed(Fact):
    """Usage can be sent again."""

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
