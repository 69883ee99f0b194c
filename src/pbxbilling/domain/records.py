"""What is kept: the shapes that a store writes and gives back.

A record is the whole row, keyed as its docstring says; writing it again changes nothing. Nobody
changes a record; those of calls and legs are not frozen, as there are thousands a second, and a
frozen dataclass costs three times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import le
from typing import Any

from pbxbilling.domain.admission import Direction, Mode, Outcome, Reason
from pbxbilling.domain.billed import BillingCycle, BillingRecord, InvoiceRun
from pbxbilling.domain.channel import ChannelKey, LegDirection
from pbxbilling.domain.cursor import Cursor
from pbxbilling.domain.gateway import Letter, LetterMoved
from pbxbilling.domain.meter_event import MeterRecord
from pbxbilling.domain.plan import Plan
from pbxbilling.domain.subscription import Customer, Invoice, Subscription
from pbxbilling.domain.tenant import Tenant
from pbxbilling.domain.units import UnitsUsed


class EndWitness(StrEnum):
    """Who told when a leg ended, the best first."""

    LIVE = "live"  # AMI, as it happened
    JOURNAL = "journal"  # Asterisk's own CEL
    ESTIMATED = "estimated"  # nobody: the last proof of life, before which it did not end
    UNLISTED = "unlisted"  # nobody: a snapshot without it, after which it did not live

    @property
    def guessed(self) -> bool:
        """Whether nobody saw the end."""
        return self in {EndWitness.ESTIMATED, EndWitness.UNLISTED}


@dataclass(slots=True, init=False)
class CallRecord:
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
class LegRecord:
    """One trunk leg, the unit of usage, keyed by `key`; `ended_at` None while it lives.

    Written when it is answered and when it ends. `talk_us` is answered time as measured,
    `billed_s` after the plan's increment, `allowance_s` the part of it that used included minutes
    (0 for directions not included and for legs over the limit). `month` is that in which the
    tenant's period of the end begins. What somebody witnessed is never overwritten by a later
    row; what was estimated, guessed or unknown gives way to the journal's, and the last proof of
    life to a later one.
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

    def gives_way_to(self, later: LegRecord) -> bool:
        """Whether `later` takes this row's place: one that knows more, and nothing less."""
        if self.ended_at is None:
            return True
        mine, theirs = self._known(), later._known()
        more = theirs != mine or self.guesses_worse_than(later)
        return later.ended_at is not None and more and all(map(le, mine, theirs))

    def guesses_worse_than(self, later: LegRecord) -> bool:
        """Whether the end of `later`, a last proof of life, holds where this end does not.

        It proves more than an earlier one; and where Asterisk died before a snapshot was taken,
        the leg died then.
        """
        if later.witness is not EndWitness.ESTIMATED or not (self.ended_at and later.ended_at):
            return False
        if self.witness is EndWitness.UNLISTED:
            return later.ended_at < self.ended_at
        return self.witness is EndWitness.ESTIMATED and later.ended_at > self.ended_at

    def _known(self) -> tuple[bool, bool, bool]:
        """Whether its end was witnessed, its answer was seen, its owner is known.

        A leg that was adopted when it was up counts from its beginning, for want of anything
        better: an answer at the very start was guessed.
        """
        return (
            self.witness is not None and not self.witness.guessed,
            self.answered_at not in {None, self.started_at},
            self.tenant is not None,
        )


@dataclass(frozen=True, slots=True)
class LegAssigned:
    """A leg that belonged to nobody is given to a tenant, with what that makes of it."""

    key: ChannelKey
    tenant: str
    billed_s: int
    allowance_s: int
    month: str


@dataclass(frozen=True, slots=True)
class DecisionRecord:
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
class AuditRecord:
    """Who changed what; appended. `before` and `after` are JSON objects, None where nothing was."""

    at: datetime
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class PbxMark:
    """How far one PBX is known, keyed by `pbx`: its last proof of life and the journal's position.

    `journal_file` names the file that `journal_offset` (bytes) belongs to, so that a rotated or
    truncated one is noticed.
    """

    pbx: str
    heard_at: datetime | None = None
    journal_file: str = ""
    journal_offset: int = 0


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


@dataclass(frozen=True, slots=True)
class Accounts:
    """All plans and tenants, as they stand in the store; `notices` name what is odd in there."""

    plans: tuple[Plan, ...]
    tenants: tuple[Tenant, ...]
    notices: tuple[str, ...] = ()


Record = (
    CallRecord
    | LegRecord
    | LegAssigned
    | DecisionRecord
    | AuditRecord
    | PbxMark
    | Plan
    | Tenant
    | Subscription
    | Customer
    | Invoice
    | Letter
    | LetterMoved
    | Cursor
    | BillingCycle
    | InvoiceRun
    | UnitsUsed
    | BillingRecord
    | MeterRecord
)
