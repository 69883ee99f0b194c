"""What a payment gateway tells us, in our words: its events, and how far each has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.records import Record
from pbxbilling.subscriptions.subscription import Customer, Invoice, Subscription


class Topic(StrEnum):
    """What an event is about, as far as it matters to us."""

    CHECKOUT = "checkout"  # a checkout was completed, paid or not
    SUBSCRIPTION = "subscription"
    TRIAL_ENDS_SOON = "trial_ends_soon"
    INVOICE = "invoice"
    CUSTOMER = "customer"
    METER_REPORT = "meter_report"  # usage that the gateway could not take
    OTHER = "other"  # answered, counted, and nothing else


@dataclass(frozen=True, slots=True)
class InvoicedCycle:
    """The version of a subscription that an invoice opens; `ends` None where it does not say."""

    begins: datetime
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """A verified event of the gateway, read.

    `about` names what work is done on one after another: a subscription's id, else a customer's,
    else the event's own. `subscription`, `customer` and `invoice` are the pictures that it
    carries, true at `created_at`; `tenant` is whom it names itself, by a field that we or the
    account wrote, `claimed` whom a field names that the payer may have written.
    """

    id: str
    kind: str  # the gateway's own word, for logs and counters
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
    opens: InvoicedCycle | None = None  # by its invoice, once that is paid
    note: str = ""  # what an alert would say


class EventState(StrEnum):
    """How far a stored event has come."""

    WAITING = "waiting"  # stored, nothing done yet
    UNCONFIRMED = "unconfirmed"  # applied from its own picture: the gateway could not be asked
    PARKED = "parked"  # nobody knows whose it is
    DONE = "done"
    FAILED = "failed"  # it could not be read; kept for an operator


UNFINISHED = frozenset({EventState.WAITING, EventState.UNCONFIRMED, EventState.PARKED})


@dataclass(frozen=True, slots=True)
class WebhookEvent(Record):
    """One event as it arrived, keyed by `id`: the first copy stays, another changes nothing.

    `body` is the body as it was signed.
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
    """A stored event got on: its new state, and why where that is not plain."""

    id: str
    state: EventState
    attempts: int
    note: str = ""


def stored_event(message: Message, body: bytes, received_at: datetime) -> WebhookEvent:
    """A verified event with its body, to be kept."""
    return WebhookEvent(
        id=message.id,
        kind=message.kind,
        about=message.about,
        created_at=message.created_at,
        received_at=received_at,
        live=message.live,
        body=body.decode(),
    )
