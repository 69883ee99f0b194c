"""Usage as the payment gateway's meter takes it: one event for each billable leg."""

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
    """How far a meter event has come."""

    WAITING = "waiting"
    SENDING = "sending"  # on its way, or whether it arrived is unknown
    SENT = "sent"
    PARKED = "parked"  # its tenant is no customer of the gateway yet
    REFUSED = "refused"  # the gateway would not have it
    UNDECIDED = "undecided"  # whether it arrived cannot be found out any more
    TOO_OLD = "too_old"  # the gateway takes no usage of that age


DUE = frozenset({UsageEventState.WAITING, UsageEventState.SENDING})
FOR_A_PERSON = frozenset(
    {UsageEventState.REFUSED, UsageEventState.UNDECIDED, UsageEventState.TOO_OLD}
)


@dataclass(frozen=True, slots=True)
class LegMetered(QueuedRecord):
    """A leg is charged by an event, keyed by `key`: its minutes as the leg has them in the store.

    Written with the leg, it is the leg's in the same transaction. Written again it brings what
    was not sent yet up to date.
    """

    key: ChannelKey


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """The meter event of one leg, keyed by `leg`, which is `pbx:uniqueid` and its identifier.

    `minutes` are those that are (or will be) sent, `ledger_minutes` those that the leg has now: a
    leg that was sent already may be corrected. `tried_at` is the first attempt whose outcome
    could still matter; `customer` the gateway's, from that attempt on.
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
        """It gets to another state as it stands."""
        return MeterEventMoved(
            self.leg, state, self.minutes, self.attempts, self.tried_at, self.customer, note
        )


@dataclass(frozen=True, slots=True)
class MeterEventMoved(Record):
    """An event got on; `minutes` and `customer` are those that it was sent with."""

    leg: str
    state: UsageEventState
    minutes: int
    attempts: int
    tried_at: datetime | None
    customer: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class MeterEventsUnparked(Record):
    """The parked events of a tenant wait again: it has become a customer."""

    tenant: str


@dataclass(frozen=True, slots=True)
class MeterBacklog:
    """How many events are in each state that is not `sent`, and when the oldest due leg ended."""

    events: Mapping[UsageEventState, int]
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class MeterReport:
    """Events that the gateway took and could not use: how many, and the codes of some, by leg."""

    events: int
    samples: Mapping[str, str]
    summary: str


def is_metered(leg: LegRecord, terms: Terms | None) -> bool:
    """Whether a leg that has ended is charged by an event; a demo's never is.

    It is where rating charges its minutes: in the directions that its plan includes.
    """
    if terms is None or leg.ended_at is None or terms.tenant.demo:
        return False
    way = terms.tenant.usage_collection.at(leg.ended_at)
    return way is CollectionMethod.METER_EVENTS and terms.plan.includes(leg.direction)
