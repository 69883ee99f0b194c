"""What happens between a PBX and us: links, snapshots, journals, and what they corrected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.facts import QueuedFact


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
class Corrected(QueuedFact):
    """Reconciliation or recovery changed the ledger; `key` None where it is about the whole PBX."""

    at: datetime
    pbx: str
    kind: CorrectionKind
    key: ChannelKey | None = None
    call: str | None = None


@dataclass(frozen=True, slots=True)
class PbxTakenUp(QueuedFact):
    """A PBX is followed from now on, or by another journal; `journal`: whether it has one."""

    at: datetime
    pbx: str
    journal: bool


@dataclass(frozen=True, slots=True)
class PbxLetGo(QueuedFact):
    """The configuration names this PBX no more: its calls were closed."""

    at: datetime
    pbx: str


@dataclass(frozen=True, slots=True)
class LinkUp(QueuedFact):
    """Logged in to a PBX; `uptime_s` is what FullyBooted said."""

    at: datetime
    pbx: str
    uptime_s: float | None


@dataclass(frozen=True, slots=True)
class RightsExceeded(QueuedFact):
    """The manager's user that we log in as may do more than is needed; told once a login."""

    at: datetime
    pbx: str
    user: str
    rights: tuple[str, ...]
    mend: str


@dataclass(frozen=True, slots=True)
class LinkDown(QueuedFact):
    """The AMI link of a PBX fell, or could not be made: an outage begins; nothing is released."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class LinkRetryFailed(QueuedFact):
    """The link of a PBX is still down: one more attempt to make it failed."""

    at: datetime
    pbx: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reconciled(QueuedFact):
    """A complete snapshot was applied: the counts of this PBX are true."""

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
class JournalDisagreed(QueuedFact):
    """The journal and we differ on a leg's end by more than 0.1 s: counted, not corrected."""

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
class JournalReadable(QueuedFact):
    """A PBX's journal, of which a fault was told, can be read again."""

    at: datetime
    pbx: str
    path: str
