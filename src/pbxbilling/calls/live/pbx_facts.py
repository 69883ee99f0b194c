"""Facts about PBXes: links, snapshots, journals, and the corrections that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.facts import QueuedFact


class CorrectionKind(StrEnum):
    """How the ledger differed from reality."""

    ADOPTED = "adopted"  # listed by the PBX, unknown to us
    CLOSED = "closed"  # known to us, gone from the PBX
    EXPIRED = "expired"  # a reservation whose channel never appeared
    RESTARTED = "restarted"  # closed because Asterisk restarted
    LET_GO = "let_go"  # closed because its PBX was removed from the configuration
    SETTLED = "settled"  # a leg recovered from the journal
    INCOMPLETE = "incomplete"  # a snapshot cut short, and ignored


@dataclass(frozen=True, slots=True)
class Corrected(QueuedFact):
    """Reconciliation or recovery corrected the ledger; `key` None: it concerns the whole PBX."""

    at: datetime
    pbx: str
    kind: CorrectionKind
    key: ChannelKey | None = None
    call: str | None = None


@dataclass(frozen=True, slots=True)
class PbxTakenUp(QueuedFact):
    """A PBX is followed from now on, or its journal changed; `journal`: whether it has one."""

    at: datetime
    pbx: str
    journal: bool


@dataclass(frozen=True, slots=True)
class PbxLetGo(QueuedFact):
    """A PBX was removed from the configuration, and its calls were closed."""

    at: datetime
    pbx: str


@dataclass(frozen=True, slots=True)
class LinkUp(QueuedFact):
    """The daemon logged in to a PBX; `uptime_s` is what FullyBooted reported."""

    at: datetime
    pbx: str
    uptime_s: float | None


@dataclass(frozen=True, slots=True)
class RightsExceeded(QueuedFact):
    """Our AMI user has more rights than needed; emitted once per login."""

    at: datetime
    pbx: str
    user: str
    rights: tuple[str, ...]
    mend: str


@dataclass(frozen=True, slots=True)
class LinkDown(QueuedFact):
    """A PBX's AMI link fell or could not be made. An outage begins; no slot is released."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class LinkRetryFailed(QueuedFact):
    """Another attempt to restore the link of a PBX failed."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reconciled(QueuedFact):
    """A complete snapshot was applied, so the counts of this PBX are true."""

    at: datetime
    pbx: str
    channels: int


@dataclass(frozen=True, slots=True)
class Stale(QueuedFact):
    """The counts of this PBX can no longer be trusted: its hooks are judged as in log mode."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrunkNearlyFull(QueuedFact):
    """The live legs of a trunk reached 80 % of its `trunk_channels`; once until it has room."""

    at: datetime
    pbx: str
    trunk: str
    used: int
    channels: int


@dataclass(frozen=True, slots=True)
class TrunkHasRoom(QueuedFact):
    """The live legs of a trunk that was nearly full fell below 70 % of its `trunk_channels`."""

    at: datetime
    pbx: str
    trunk: str
    used: int
    channels: int


@dataclass(frozen=True, slots=True)
class JournalDisagreed(QueuedFact):
    """The journal's end of a leg differs from ours by more than 0.1 s; the earlier end counts."""

    at: datetime
    key: ChannelKey
    difference_s: float


@dataclass(frozen=True, slots=True)
class JournalUnreadable(QueuedFact):
    """A PBX's journal cannot be read; the daemon works from AMI alone."""

    at: datetime
    pbx: str
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class JournalDoubtful(QueuedFact):
    """The times of a PBX's journal are rounded or shifted, by `doubt`; the error has the fix."""

    at: datetime
    pbx: str
    path: str
    doubt: str
    error: str


@dataclass(frozen=True, slots=True)
class JournalReadable(QueuedFact):
    """A PBX's journal can be read again after a reported fault."""

    at: datetime
    pbx: str
    path: str
