"""What is kept of calls and accounts: the shapes that a store writes and gives back.

Nobody changes a record; those of calls and legs are not frozen, as there are thousands a second,
and a frozen dataclass costs three times as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from operator import le

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Outcome, Reason
from pbxbilling.kernel.records import QueuedRecord, Record


class EndWitness(StrEnum):
    """Who told when a leg ended, the best first."""

    LIVE = "live"  # AMI, as it happened
    JOURNAL = "journal"  # Asterisk's own CEL
    # Nobody: the leg ends at the last proof of its life, and what comes after is not charged.
    ESTIMATED = "estimated"  # its Asterisk died, or its PBX was let go
    UNLISTED = "unlisted"  # a snapshot did not list it any more

    @property
    def guessed(self) -> bool:
        """Whether nobody saw the end."""
        return self in {EndWitness.ESTIMATED, EndWitness.UNLISTED}


@dataclass(slots=True, init=False)
class CallRecord(QueuedRecord):
    """One call, keyed by `call`; `ended_at` None while it lives.

    `origin` and `asker` are Uniqueids on `pbx`: its first channel and the one whose hook opened
    it, by which a restarted daemon finds its channels again. A call that was joined to an older
    one ends with `merged_into`.
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

    def gives_way_to(self, later: CallRecord) -> bool:
        """Whether `later` takes this row's place: anything does but a reopening."""
        return self.ended_at is None or later.ended_at is not None


@dataclass(slots=True)
class LegRecord(QueuedRecord):
    """One trunk leg, the unit of usage, keyed by `key`; `ended_at` None while it lives.

    Written when it is answered and when it ends. `talk_us` is answered time as measured,
    `billed_s` after the plan's increment, `allowance_s` the part of it that used included minutes
    (0 for directions not included and for legs over the limit). `month` is that in which the
    tenant's period of the end begins. `answer_guessed`: nobody saw the answer, and `answered_at`
    is the first proof of it. `gone_by`: of an end that nobody saw, by when it surely had come;
    None where even that is unknown.

    What nobody saw gives way to what somebody witnessed, and a proof of life to a later one. Of
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

    def gives_way_to(self, later: LegRecord) -> bool:
        """Whether `later` takes this row's place: one that knows more, and nothing less."""
        if self.ended_at is None:
            return True
        mine, theirs = self._certainty(), later._certainty()
        more = theirs != mine or self.ends_worse_than(later)
        return later.ended_at is not None and more and all(map(le, mine, theirs))

    def ends_worse_than(self, later: LegRecord) -> bool:
        """Whether the end of `later` holds where this one does not, both being of one kind.

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
    def saw_answer(self) -> bool:
        """Whether somebody saw the answer."""
        return self.answered_at is not None and not self.answer_guessed

    @property
    def estimated(self) -> bool:
        """Whether it cost something, and nobody saw its answer or its end."""
        ended = self.witness is not None and self.answered_at is not None
        return ended and (self.answer_guessed or (self.witness or EndWitness.LIVE).guessed)

    @property
    def unproven_s(self) -> float | None:
        """How much longer than it is charged it may have talked; None: nobody knows."""
        if self.answered_at is None or self.ended_at is None or self.witness is None:
            return 0.0
        ringing = self.answered_at - self.started_at if self.answer_guessed else timedelta()
        if not self.witness.guessed:
            return ringing.total_seconds()
        if self.gone_by is None:
            return None
        return max(0.0, (ringing + self.gone_by - self.ended_at).total_seconds())

    def _certainty(self) -> tuple[bool, bool, bool]:
        """Whether its end was witnessed, its answer was seen, its owner is known."""
        return (
            self.witness is not None and not self.witness.guessed,
            self.saw_answer,
            self.tenant is not None,
        )


@dataclass(frozen=True, slots=True)
class LegAssigned(Record):
    """A leg that belonged to nobody is given to a tenant, with what that makes of it."""

    key: ChannelKey
    tenant: str
    billed_s: int
    allowance_s: int
    month: str


@dataclass(frozen=True, slots=True)
class DecisionRecord(QueuedRecord):
    """One admission decision; appended."""

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


@dataclass(frozen=True, slots=True)
class PbxMark(QueuedRecord):
    """How far one PBX is known, keyed by `pbx`: when it was heard, and the journal's position.

    What is open on record lived at `lived_at`, by the clock of the PBX. `journal_file` names the
    file that `journal_offset` (bytes) belongs to, so that a rotated or truncated one is noticed.
    """

    pbx: str
    heard_at: datetime | None = None
    journal_file: str = ""
    journal_offset: int = 0
    lived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Answered trunk legs of one tenant, month and direction, added up from the leg records.

    `allowance_s` leaves out legs over the limit and directions that are not included.
    """

    tenant: str | None
    month: str
    direction: LegDirection
    calls: int
    talk_us: int
    billed_s: int
    allowance_s: int
