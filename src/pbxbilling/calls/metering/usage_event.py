"""Usage as the payment gateway's meter accepts it: one event for each billable leg."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.accounts.terms.registry import Terms
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.kernel.records import QueuedRecord, Record


class UsageEventState(StrEnum):
    """State of a usage event on its way to the gateway."""

    WAITING = "waiting"
    SENDING = "sending"  # being sent, or sent with an unknown outcome
    SENT = "sent"
    PARKED = "parked"  # its tenant is not yet a customer at the gateway
    REFUSED = "refused"  # the gateway rejected it
    UNDECIDED = "undecided"  # whether it arrived can no longer be determined
    TOO_OLD = "too_old"  # the gateway accepts no usage of that age


DUE = frozenset({UsageEventState.WAITING, UsageEventState.SENDING})
FOR_A_PERSON = frozenset(
    {UsageEventState.REFUSED, UsageEventState.UNDECIDED, UsageEventState.TOO_OLD}
)


@dataclass(frozen=True, slots=True)
class LegMetered(QueuedRecord):
    """Asks for the usage event of a leg, keyed by `key`, with the minutes that the store has.

    Written with the leg, it belongs to the same transaction. Written again, it updates an event
    that was not sent yet.
    """

    key: ChannelKey

    @property
    def queue_key(self) -> ChannelKey:
        """The leg."""
        return self.key


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """The usage event of one leg, keyed by `leg`: `pbx:uniqueid`, also its identifier when sent.

    `minutes` are those sent or to be sent, `ledger_minutes` those that the leg has now: a leg may
    be corrected after sending. `tried_at` is the first attempt with an outcome that could still
    matter; `customer` is the gateway's customer from that attempt on.
    """

    leg: str
    tenant: str
    month: str
    ended_at: datetime
    minutes: int
    ledger_minutes: int
    estimated: bool = False
    state: UsageEventState = UsageEventState.WAITING
    attempts: int = 0
    tried_at: datetime | None = None
    customer: str | None = None
    note: str = ""

    def moved(self, state: UsageEventState, note: str = "") -> MeterEventMoved:
        """Return the record that moves this event to another state, all else unchanged."""
        return MeterEventMoved(
            self.leg, state, self.minutes, self.attempts, self.tried_at, self.customer, note
        )


@dataclass(frozen=True, slots=True)
class MeterEventMoved(Record):
    """A usage event changed its state; `minutes` and `customer` are those it was sent with."""

    leg: str
    state: UsageEventState
    minutes: int
    attempts: int
    tried_at: datetime | None
    customer: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class MeterEventsUnparked(Record):
    """Returns a tenant's parked events to waiting: the tenant has become a customer."""

    tenant: str


@dataclass(frozen=True, slots=True)
class MeterBacklog:
    """How many events are in each state but `sent`, and when the oldest due leg ended."""

    events: Mapping[UsageEventState, int]
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class MeterReport:
    """Events that the gateway accepted but could not use: count, and error codes of some by leg."""

    events: int
    samples: Mapping[str, str]
    summary: str


def is_metered(leg: LegRecord, terms: Terms | None) -> bool:
    """Return whether an ended leg is charged by a usage event; a demo tenant's never is.

    As in rating, only the directions that the plan includes are charged.
    """
    if terms is None or leg.ended_at is None or terms.tenant.demo:
        return False
    way = terms.tenant.usage_collection.at(leg.ended_at)
    return way is CollectionMethod.METER_EVENTS and terms.plan.includes(leg.direction)
