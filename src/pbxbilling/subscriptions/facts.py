"""What a payment gateway tells of subscriptions, as facts for logs, metrics and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.facts import Fact
from pbxbilling.subscriptions.events import EventState


class WebhookResult(StrEnum):
    """How a body that came to the webhook was received."""

    STORED = "stored"
    RECOVERED = "recovered"  # it never came, and was found in the gateway's own list
    IGNORED = "ignored"  # of a kind that is not used
    FORGED = "forged"  # not signed with our secret, or not about now
    OVERSIZED = "oversized"
    UNREADABLE = "unreadable"
    WRONG_MODE = "wrong_mode"  # test money where real money is expected, or the other way round
    NOT_KEPT = "not_kept"  # the store failed: the gateway will send it again


@dataclass(frozen=True, slots=True)
class WebhookReceived(Fact):
    """The gateway, or somebody who says so, sent a body. `kind` is "" where nobody vouches for it.

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
    """A stored event got on; `tenant` is whom it concerned, `note` what is not plain about it."""

    at: datetime
    event: str
    kind: str
    state: EventState
    tenant: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class GatewayAway(Fact):
    """The payment gateway could not be asked; told once until it can."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class GatewayBack(Fact):
    """It can be asked again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Drifted(Fact):
    """The gateway knew what no event had told: it is applied."""

    at: datetime
    subscription: str
    tenant: str | None


@dataclass(frozen=True, slots=True)
class PaymentAlert(Fact):
    """Something about payments that a person has to look at."""

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
    """The daily check ran: `due` tenants had transitions to book, `booked` of them were.

    `notices` are sentences about tenants that an operator should look at.
    """

    at: datetime
    due: int
    booked: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DailyCheckFailed(Fact):
    """The daily check could not be done; it is tried again, and calls do not wait for it."""

    at: datetime
    error: str
