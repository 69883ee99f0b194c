"""What happened: the core emits facts, the sinks make lines, counters and messages of them.

One fact, one log line, one counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.domain.admission import Decision, Mode
from pbxbilling.domain.billing_facts import (
    CycleOpened,
    StatementFailed,
    StatementSaved,
    StatementsWait,
    UsageReceived,
)
from pbxbilling.domain.channel import ChannelKey
from pbxbilling.domain.figures import FiguresTaken
from pbxbilling.domain.gateway_facts import (
    Drifted,
    GatewayAway,
    GatewayBack,
    InvoiceIssued,
    LetterTaken,
    PaymentAlert,
    UsageGoesOn,
    UsageHeldUp,
    UsageTold,
    WebhookReceived,
)
from pbxbilling.domain.hook import HookRequest
from pbxbilling.domain.records import CallRecord, LegRecord
from pbxbilling.domain.retention import Purged, PurgeFailed
from pbxbilling.domain.standing import Status, Turn


@dataclass(slots=True)
class AdmissionDecided:
    """A hook was judged. `call` is None where nothing was reserved; `inside` an earlier call.

    Not frozen: it is made for every hook, and a frozen dataclass costs three times as much.
    """

    at: datetime
    request: HookRequest
    decision: Decision
    mode: Mode
    tenant: str | None
    call: str | None
    inside: bool = False


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call began to count (or was adopted), hooked or not."""

    at: datetime
    call: CallRecord


@dataclass(frozen=True, slots=True)
class CallChanged:
    """A live call got an answer, an owner or a direction."""

    at: datetime
    call: CallRecord


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call gave its slot back; `call.merged_into` where it lives on in an older one."""

    at: datetime
    call: CallRecord


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """A trunk leg began to cost."""

    at: datetime
    leg: LegRecord


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A trunk leg ended, answered or not; `before` is the ended leg that this one corrects."""

    at: datetime
    leg: LegRecord
    before: LegRecord | None = None


class CorrectionKind(StrEnum):
    """How reality differed from the ledger: the drift, made visible."""

    ADOPTED = "adopted"  # listed by the PBX, unknown to us
    CLOSED = "closed"  # known to us, gone from the PBX
    EXPIRED = "expired"  # a reservation whose channel never came to be
    RESTARTED = "restarted"  # closed because Asterisk restarted
    LET_GO = "let_go"  # closed because the configuration names its PBX no more
    SETTLED = "settled"  # a leg recovered from the journal
    INCOMPLETE = "incomplete"  # a snapshot that was cut short, ignored


@dataclass(frozen=True, slots=True)
class Corrected:
    """Reconciliation or recovery changed the ledger; `key` None where it is about the whole PBX."""

    at: datetime
    pbx: str
    kind: CorrectionKind
    key: ChannelKey | None = None
    call: str | None = None


@dataclass(frozen=True, slots=True)
class PbxTakenUp:
    """A PBX is followed from now on, or by another journal; `journal`: whether it has one."""

    at: datetime
    pbx: str
    journal: bool


@dataclass(frozen=True, slots=True)
class PbxLetGo:
    """The configuration names this PBX no more: its calls were closed."""

    at: datetime
    pbx: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Logged in to a PBX; `uptime_s` is what FullyBooted said."""

    at: datetime
    pbx: str
    uptime_s: float | None


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The AMI link of a PBX fell, or could not be made: an outage begins; nothing is released."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class LinkRetryFailed:
    """The link of a PBX is still down: one more attempt to make it failed."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A complete snapshot was applied: the counts of this PBX are true."""

    at: datetime
    pbx: str
    channels: int


@dataclass(frozen=True, slots=True)
class Stale:
    """The counts of this PBX can no longer be trusted: its hooks are judged as in log mode."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class SlotReleased:
    """An operator took a slot from a call by command."""

    at: datetime
    actor: str
    call: CallRecord


@dataclass(frozen=True, slots=True)
class CutArmed:
    """A live leg of a used-up allowance is to be hung up `in_s` seconds from now."""

    at: datetime
    tenant: str
    key: ChannelKey
    in_s: float


@dataclass(frozen=True, slots=True)
class WouldCut:
    """In enforce mode this leg would have been cut now."""

    at: datetime
    tenant: str
    key: ChannelKey
    call: str | None


@dataclass(frozen=True, slots=True)
class ClockDisagreed:
    """A leg's PBX timestamps and our monotonic clock differ by more than 2 s; ours counts.

    Timestamps that run backwards, where nobody measured, count as 0 s.
    """

    at: datetime
    key: ChannelKey
    by_stamps_s: float
    by_monotonic_s: float


@dataclass(frozen=True, slots=True)
class JournalDisagreed:
    """The journal and we differ on a leg's end by more than 0.1 s: counted, not corrected."""

    at: datetime
    key: ChannelKey
    difference_s: float


@dataclass(frozen=True, slots=True)
class JournalUnreadable:
    """A PBX's journal cannot be read; the daemon works from AMI alone."""

    at: datetime
    pbx: str
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class JournalReadable:
    """A PBX's journal, of which a fault was told, can be read again."""

    at: datetime
    pbx: str
    path: str


@dataclass(frozen=True, slots=True)
class ConfigReloaded:
    """SIGHUP was served; with `error` the last good configuration stays in force."""

    at: datetime
    mode: Mode
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StoreFailing:
    """Writing failed and is tried again; `pending` records wait in memory."""

    at: datetime
    error: str
    pending: int


@dataclass(frozen=True, slots=True)
class StoreRecovered:
    """Writing works again."""

    at: datetime
    written: int


@dataclass(frozen=True, slots=True)
class AccountsChanged:
    """Plans or tenants were changed; in force for the next call."""

    at: datetime
    actor: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """A tenant's standing turned, by one row of the table of transitions; in force at once.

    `actor` is who did it: a user of the machine, the gateway, or the daily check.
    """

    at: datetime
    tenant: str
    before: Status
    after: Status
    turn: Turn
    actor: str
    subscription: str | None


@dataclass(frozen=True, slots=True)
class DailyCheckDone:
    """The daily check ran: `due` tenants had turns to book, `booked` turns were.

    `notices` are sentences about tenants that an operator should look at.
    """

    at: datetime
    due: int
    booked: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DailyCheckFailed:
    """The daily check could not be done; it is tried again, and calls do not wait for it."""

    at: datetime
    error: str


Fact = (
    AdmissionDecided
    | CallStarted
    | CallChanged
    | CallEnded
    | LegAnswered
    | LegEnded
    | Corrected
    | PbxTakenUp
    | PbxLetGo
    | LinkUp
    | LinkDown
    | LinkRetryFailed
    | Reconciled
    | Stale
    | SlotReleased
    | CutArmed
    | WouldCut
    | ClockDisagreed
    | JournalDisagreed
    | JournalUnreadable
    | JournalReadable
    | ConfigReloaded
    | StoreFailing
    | StoreRecovered
    | AccountsChanged
    | StandingChanged
    | DailyCheckDone
    | DailyCheckFailed
    | Purged
    | PurgeFailed
    | FiguresTaken
    | WebhookReceived
    | LetterTaken
    | GatewayAway
    | GatewayBack
    | Drifted
    | PaymentAlert
    | UsageReceived
    | InvoiceIssued
    | UsageTold
    | UsageHeldUp
    | UsageGoesOn
    | StatementSaved
    | StatementFailed
    | StatementsWait
    | CycleOpened
)
