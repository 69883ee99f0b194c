"""Records of calls, legs, decisions and PBXes, as the store writes and reads them.

Treat every record as immutable. Those of calls and legs are not frozen, because there are
thousands a second and a frozen dataclass costs three times as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from operator import le
from typing import NamedTuple

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Outcome, Reason
from pbxbilling.kernel.records import QueuedRecord, Record


class EndWitness(StrEnum):
    """The source of a leg's end, the best first."""

    LIVE = "live"  # AMI, as it happened
    JOURNAL = "journal"  # Asterisk's own CEL
    # No witness: the leg ends at its last proof of life, and what comes after is not charged.
    ESTIMATED = "estimated"  # its Asterisk died, or its PBX was removed
    UNLISTED = "unlisted"  # a snapshot no longer listed it

    @property
    def guessed(self) -> bool:
        """Whether the end was not seen."""
        return self in {EndWitness.ESTIMATED, EndWitness.UNLISTED}


@dataclass(slots=True, init=False)
class CallRecord(QueuedRecord):
    """One call, keyed by `call`; `ended_at` None while it lives.

    `origin` and `asker` are Uniqueids on `pbx`: its first channel, and the channel that asked for
    it; a restarted daemon finds its channels again by them. A call that was joined to an older
    one ends with `merged_into` set.
    """

    call: str
    tenant: str | None
    pbx: str
    direction: Direction
    origin: str
    asker: str
    linkedid: str
    caller: str
    number: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    hooked: bool
    over_limit: bool
    emergency: bool
    estimated: bool
    merged_into: str | None

    def __init__(
        self,
        call: str,
        tenant: str | None,
        pbx: str,
        direction: Direction,
        origin: str,
        asker: str,
        linkedid: str,
        caller: str,
        number: str,
        started_at: datetime,
        answered_at: datetime | None = None,
        ended_at: datetime | None = None,
        hooked: bool = False,
        over_limit: bool = False,
        emergency: bool = False,
        estimated: bool = False,
        merged_into: str | None = None,
    ) -> None:
        self.call = call
        self.tenant = tenant
        self.pbx = pbx
        self.direction = direction
        self.origin = origin
        self.asker = asker
        self.linkedid = linkedid
        self.caller = caller
        self.number = number
        self.started_at = started_at
        self.answered_at = answered_at
        self.ended_at = ended_at
        self.hooked = hooked
        self.over_limit = over_limit
        self.emergency = emergency
        self.estimated = estimated
        self.merged_into = merged_into

    @property
    def queue_key(self) -> str:
        """The call."""
        return self.call

    def gives_way_to(self, later: CallRecord) -> bool:
        """Return whether `later` replaces this row: always, unless it would reopen the call."""
        return self.ended_at is None or later.ended_at is not None


@dataclass(slots=True)
class LegRecord(QueuedRecord):
    """One trunk leg, the unit of usage, keyed by `key`; `ended_at` None while it lives.

    Written when it is answered and when it ends. `talk_us` is the measured answered time,
    `billed_s` the same after the plan's increment, `allowance_s` the part of it that used included
    minutes (0 for directions not included and for legs over the limit). `month` is the month in
    which the tenant's period of the end begins. `answer_guessed`: the answer was not seen, and
    `answered_at` is its first proof. `gone_by`: when an unseen end had certainly happened; None
    where even that is unknown.

    An unseen end or answer gives way to a witnessed one, and a proof of life to a later one. Of
    two witnessed ends the earlier is true: a witness can be late, but not early.
    """

    key: ChannelKey
    call: str | None
    tenant: str | None
    direction: LegDirection
    channel: str
    linkedid: str
    caller: str
    number: str
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    talk_us: int = 0
    billed_s: int = 0
    allowance_s: int = 0
    month: str | None = None
    witness: EndWitness | None = None
    over_limit: bool = False
    emergency: bool = False
    answer_guessed: bool = False
    gone_by: datetime | None = None

    @property
    def queue_key(self) -> ChannelKey:
        """The leg."""
        return self.key

    def gives_way_to(self, later: LegRecord) -> bool:
        """Return whether `later` replaces this row: it must know more, and nothing less."""
        if self.ended_at is None:
            return True
        mine, theirs = self._certainty(), later._certainty()
        more = theirs != mine or self.ends_worse_than(later)
        return later.ended_at is not None and more and all(map(le, mine, theirs))

    def ends_worse_than(self, later: LegRecord) -> bool:
        """Return whether the end of `later` is better, where both are guessed or both witnessed.

        Of two proofs of life the later one proves more, unless the leg was gone by then; of two
        witnessed ends the earlier counts.
        """
        if not (self.witness and later.witness and self.ended_at and later.ended_at):
            return False
        if self.witness.guessed and later.witness.guessed:
            refuted = later.gone_by is not None and later.gone_by < self.ended_at
            possible = self.gone_by is None or later.ended_at <= self.gone_by
            return refuted or (possible and later.ended_at > self.ended_at)
        witnessed = not (self.witness.guessed or later.witness.guessed)
        return witnessed and later.ended_at < self.ended_at

    @property
    def talk_s(self) -> float:
        """Seconds that it talked."""
        return self.talk_us / 1_000_000

    @property
    def saw_answer(self) -> bool:
        """Whether the answer was seen."""
        return self.answered_at is not None and not self.answer_guessed

    @property
    def estimated(self) -> bool:
        """Whether it was answered and has ended, with its answer or its end not seen."""
        ended = self.witness is not None and self.answered_at is not None
        return ended and (self.answer_guessed or (self.witness or EndWitness.LIVE).guessed)

    @property
    def unproven_s(self) -> float | None:
        """Seconds that it may have talked beyond those charged; None: unknown."""
        if self.answered_at is None or self.ended_at is None or self.witness is None:
            return 0.0
        ringing = self.answered_at - self.started_at if self.answer_guessed else timedelta()
        if not self.witness.guessed:
            return ringing.total_seconds()
        if self.gone_by is None:
            return None
        return max(0.0, (ringing + self.gone_by - self.ended_at).total_seconds())

    def _certainty(self) -> tuple[bool, bool, bool]:
        """Return whether its end was witnessed, its answer was seen, and its owner is known."""
        return (
            self.witness is not None and not self.witness.guessed,
            self.saw_answer,
            self.tenant is not None,
        )


@dataclass(frozen=True, slots=True)
class LegAssigned(Record):
    """The assignment of an unowned leg to a tenant, with the usage that results."""

    key: ChannelKey
    tenant: str
    billed_s: int
    allowance_s: int
    month: str


@dataclass(frozen=True, slots=True)
class DecisionQuery:
    """Which decisions; None is all. `refused`: those that were, or would have been, refused.

    `before`: older than the decision of that instant and number.
    """

    tenant: str | None = None
    since: datetime | None = None
    refused: bool = False
    before: tuple[datetime, int] | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class LegPart:
    """A part of a list of ended legs: the `limit` that are older than `before`; None is all."""

    before: tuple[datetime, ChannelKey] | None = None
    limit: int | None = None


ALL_LEGS = LegPart()


@dataclass(frozen=True, slots=True)
class DecisionRecord(QueuedRecord):
    """One admission decision; rows are only appended."""

    at: datetime
    pbx: str | None
    uniqueid: str
    call: str | None
    tenant: str | None
    direction: Direction | None
    caller: str
    number: str
    mode: Mode
    outcome: Outcome
    reason: Reason
    breach: Reason | None = None
    used: int | None = None
    limit: int | None = None

    @property
    def queue_key(self) -> None:
        """None: each decision is kept, or dropped where the queue is full."""
        return None


class DecisionRow(NamedTuple):
    """A decision with the number of its row."""

    id: int
    record: DecisionRecord


@dataclass(frozen=True, slots=True)
class PbxMark(QueuedRecord):
    """How far one PBX is known, keyed by `pbx`: when it was last heard, and its journal position.

    All calls and legs open in the store were alive at `lived_at`, by the clock of the PBX.
    `journal_file` names the file that `journal_offset` (bytes) belongs to, so that rotation and
    truncation are noticed.
    """

    pbx: str
    heard_at: datetime | None = None
    journal_file: str = ""
    journal_offset: int = 0
    lived_at: datetime | None = None

    @property
    def queue_key(self) -> str:
        """The PBX."""
        return self.pbx


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Answered trunk legs of one tenant, month and direction, summed from the leg records.

    `allowance_s` leaves out legs over the limit and directions that are not included.
    """

    tenant: str | None
    month: str
    direction: LegDirection
    calls: int
    talk_us: int
    billed_s: int
    allowance_s: int
