"""Events of a payment gateway in our terms, and how far each has been processed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.records import Record
from pbxbilling.subscriptions.subscription import Customer, Invoice, Subscription


class Topic(StrEnum):
    """What an event is about, as far as this program uses it."""

    CHECKOUT = "checkout"  # a checkout was completed, paid or not
    SUBSCRIPTION = "subscription"
    TRIAL_ENDS_SOON = "trial_ends_soon"
    INVOICE = "invoice"
    CUSTOMER = "customer"
    METER_REPORT = "meter_report"  # usage that the gateway rejected
    OTHER = "other"  # answered and counted only


@dataclass(frozen=True, slots=True)
class InvoicedCycle:
    """The cycle of a subscription that an invoice opens; `ends` None: the invoice does not say."""

    begins: datetime
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """A verified and parsed event of the gateway.

    Messages with the same `about` are processed in order; it is a subscription's id, else a
    customer's, else the event's own. `subscription`, `customer` and `invoice` are the snapshots
    that it carries, true at `created_at`. `tenant` comes from a field that we or the account
    wrote, `claimed` from a field that the payer may have written.
    """

    id: str
    kind: str  # the gateway's own type name, for logs and counters
    topic: Topic
    about: str
    created_at: datetime
    live: bool
    tenant: str | None = None
    claimed: str | None = None
    customer_id: str | None = None
    subscription_id: str | None = None
    subscription: Subscription | None = None
    customer: Customer | None = None
    invoice: Invoice | None = None
    opens: InvoicedCycle | None = None  # takes effect once `invoice` is paid
    shows_all: bool = True  # false: the invoice has more lines, and its end may be in them
    note: str = ""  # the text for an alert


class EventState(StrEnum):
    """How far a stored event has been processed."""

    WAITING = "waiting"  # stored, nothing done yet
    UNCONFIRMED = "unconfirmed"  # applied from its own snapshot: the gateway was unreachable
    PARKED = "parked"  # its tenant is not known
    DONE = "done"
    FAILED = "failed"  # unreadable, or the gateway refused; stays stored for an operator


UNFINISHED = frozenset({EventState.WAITING, EventState.UNCONFIRMED, EventState.PARKED})


@dataclass(frozen=True, slots=True)
class WebhookEvent(Record):
    """An event as it arrived, keyed by `id`: the first copy stays, a second changes nothing.

    `body` is the body exactly as it was signed.
    """

    id: str
    kind: str
    about: str
    created_at: datetime
    received_at: datetime
    live: bool
    body: str
    state: EventState = EventState.WAITING
    attempts: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class EventMoved(Record):
    """The new state of a stored event; `note` says why where that is not obvious."""

    id: str
    state: EventState
    attempts: int
    note: str = ""


def stored_event(message: Message, body: bytes, received_at: datetime) -> WebhookEvent:
    """Build the stored form of a verified event and its body."""
    return WebhookEvent(
        id=message.id,
        kind=message.kind,
        about=message.about,
        created_at=message.created_at,
        received_at=received_at,
        live=message.live,
        body=body.decode(),
    )
