"""Facts about subscriptions and a payment gateway, for logs, metrics and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.facts import Fact
from pbxbilling.subscriptions.events import EventState


class WebhookResult(StrEnum):
    """The outcome of receiving a webhook event."""

    STORED = "stored"
    RECOVERED = "recovered"  # never arrived; found in the gateway's list of events
    IGNORED = "ignored"  # of a kind that is not used
    FORGED = "forged"  # not signed with our secret, or not recently
    OVERSIZED = "oversized"
    UNREADABLE = "unreadable"
    WRONG_MODE = "wrong_mode"  # a test event where live ones are expected, or the other way round
    NOT_KEPT = "not_kept"  # the store failed: the gateway will send it again


@dataclass(frozen=True, slots=True)
class WebhookReceived(Fact):
    """A webhook request arrived, or an event was recovered. `kind` is "" for an unverified body.

    `loud` is false for the second and later of many refusals in a row.
    """

    at: datetime
    result: WebhookResult
    kind: str = ""
    event: str = ""
    reason: str = ""
    loud: bool = True


@dataclass(frozen=True, slots=True)
class EventTaken(Fact):
    """A stored event was processed; `tenant` is the one concerned, `note` explains the state."""

    at: datetime
    event: str
    kind: str
    state: EventState
    tenant: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class GatewayAway(Fact):
    """The payment gateway is unreachable; published once until it is reachable again."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class GatewayBack(Fact):
    """The payment gateway is reachable again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Drifted(Fact):
    """The sync found a change at the gateway that no event had reported, and applied it."""

    at: datetime
    subscription: str
    tenant: str | None


@dataclass(frozen=True, slots=True)
class PaymentAlert(Fact):
    """A problem with payments that needs an operator."""

    at: datetime
    subject: str
    note: str


@dataclass(frozen=True, slots=True)
class CycleOpened(Fact):
    """A paid invoice closed one cycle of a subscription and opened the next."""

    at: datetime
    tenant: str
    invoice: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class DailyCheckDone(Fact):
    """The daily check ran: `due` tenants had transitions due, `booked` transitions were saved.

    `notices` are sentences about tenants that an operator should look at.
    """

    at: datetime
    due: int
    booked: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DailyCheckFailed(Fact):
    """The daily check failed; it is retried, and calls do not depend on it."""

    at: datetime
    error: str
