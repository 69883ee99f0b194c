"""Signals: the few AMI events that matter, in the words of the domain.

Named tuples, because there are thousands a second. `at` is the PBX's own `Timestamp` (aware UTC),
or None where the PBX sends none; then the moment of arrival counts.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pbxbilling.calls.live.channel import ChannelKey

UPTIME_STEP_S = 1.0  # FullyBooted reports whole seconds, rounded down


class ChannelSeen(NamedTuple):
    """A channel as shown by Newchannel, either side of DialBegin, or a CoreShowChannels row."""

    key: ChannelKey
    name: str
    state: int
    linkedid: str = ""
    accountcode: str = ""
    context: str = ""
    exten: str = ""
    caller: str = ""
    inherited: str = ""  # its PBXBILLING variable
    application: str = ""  # rows only
    bridge: str = ""  # rows only
    age_s: float = 0.0  # rows only


class Newchannel(NamedTuple):
    """A channel was created. It does not count yet."""

    channel: ChannelSeen
    at: datetime | None


class Newstate(NamedTuple):
    """A channel changed its state; `channel.state` 6 means answered."""

    channel: ChannelSeen
    at: datetime | None


class DialBegin(NamedTuple):
    """`caller` dials `dialled`; `caller` None: the channel was originated.

    `number` is the one that its technology was told to dial; empty: none, as for a phone.
    """

    caller: ChannelSeen | None
    dialled: ChannelSeen
    at: datetime | None
    number: str = ""


class LocalBridge(NamedTuple):
    """The two halves of a Local channel."""

    one: ChannelSeen
    two: ChannelSeen
    at: datetime | None


class BridgeEnter(NamedTuple):
    """A channel entered a bridge; `kind` is `basic` for two parties, `base`, `parking`, …"""

    channel: ChannelSeen
    bridge: str
    kind: str
    at: datetime | None


class AttendedTransfer(NamedTuple):
    """A transfer that joins calls; `done` only where its Result is Success."""

    channels: tuple[ChannelKey, ...]
    done: bool
    at: datetime | None


class AccountCode(NamedTuple):
    """A channel's account code was set."""

    key: ChannelKey
    accountcode: str
    at: datetime | None


class Rename(NamedTuple):
    """A channel's name changed, and perhaps its technology with it."""

    key: ChannelKey
    name: str
    at: datetime | None


class Hold(NamedTuple):
    """A channel was put on hold or taken off hold."""

    key: ChannelKey
    held: bool
    at: datetime | None


class HangupRequest(NamedTuple):
    """A hangup of the channel was requested; its talk ends here."""

    key: ChannelKey
    at: datetime | None


class Hangup(NamedTuple):
    """A channel is gone, after its `h` extension and handlers."""

    key: ChannelKey
    at: datetime | None
    cause: int = 0


class FullyBooted(NamedTuple):
    """Sent at every login; `uptime_s` shows whether Asterisk restarted meanwhile."""

    pbx: str
    uptime_s: float | None


class Shutdown(NamedTuple):
    """Asterisk is about to stop."""

    pbx: str


class Reloaded(NamedTuple):
    """Asterisk reloaded its configuration."""

    pbx: str
    module: str


ChannelSignal = (
    Newchannel
    | Newstate
    | DialBegin
    | LocalBridge
    | BridgeEnter
    | AttendedTransfer
    | AccountCode
    | Rename
    | Hold
    | HangupRequest
    | Hangup
)
OF_THE_PBX = (FullyBooted, Shutdown, Reloaded)  # signals that concern no channel
Signal = ChannelSignal | FullyBooted | Shutdown | Reloaded


class Snapshot(NamedTuple):
    """The channels that a PBX listed on request; believe it only where `complete`.

    It includes everything heard before `asked_s` (monotonic), and no channel that ended by then.
    """

    pbx: str
    rows: tuple[ChannelSeen, ...]
    complete: bool
    asked_at: datetime
    asked_s: float
    problem: str = ""  # why it is not complete
