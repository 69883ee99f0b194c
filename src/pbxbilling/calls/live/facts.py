"""Facts about calls and legs, for the store, logs, metrics and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import CallRecord, LegRecord
from pbxbilling.kernel.facts import QueuedFact


@dataclass(slots=True, init=False)
class CallNews(QueuedFact):
    """Base of the facts about a call, with the call's record as of then."""

    at: datetime
    call: CallRecord

    def __init__(self, at: datetime, call: CallRecord) -> None:
        self.at = at
        self.call = call


class CallStarted(CallNews):
    """A call, hooked or not, began to count or was adopted."""

    __slots__ = ()


class CallChanged(CallNews):
    """A live call was answered, or got an owner or a direction."""

    __slots__ = ()


class CallEnded(CallNews):
    """A call gave its slot back; `call.merged_into` is set where it was joined to an older one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LegAnswered(QueuedFact):
    """A trunk leg began to cost."""

    at: datetime
    leg: LegRecord


@dataclass(frozen=True, slots=True)
class LegEnded(QueuedFact):
    """A trunk leg ended, answered or not; `before` is the ended leg that this fact corrects."""

    at: datetime
    leg: LegRecord
    before: LegRecord | None = None


@dataclass(frozen=True, slots=True)
class SlotReleased(QueuedFact):
    """An operator released a call's slot by command."""

    at: datetime
    actor: str
    call: CallRecord


@dataclass(frozen=True, slots=True)
class CutArmed(QueuedFact):
    """A live leg is to be hung up in `in_s` seconds, when its allowance is used up."""

    at: datetime
    tenant: str
    key: ChannelKey
    in_s: float


@dataclass(frozen=True, slots=True)
class WouldCut(QueuedFact):
    """Enforce mode would have cut this leg now."""

    at: datetime
    tenant: str
    key: ChannelKey
    call: str | None


@dataclass(frozen=True, slots=True)
class ClockDisagreed(QueuedFact):
    """A leg's PBX timestamps and our monotonic clock differ by more than 2 s; ours counts.

    Timestamps that run backwards, where no monotonic measurement exists, count as 0 s.
    """

    at: datetime
    key: ChannelKey
    by_stamps_s: float
    by_monotonic_s: float
