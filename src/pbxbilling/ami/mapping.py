"""AMI events → the domain's signals: one table, one small function an event.

The keys are those of main/manager_channels.c, manager_bridges.c, core_local.c and
stasis_bridges.c (Asterisk 16 to 22). A channel's block repeats under a prefix for each further
channel of an event: `Dest`, `LocalOne`, `OrigTransferer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pbxbilling.ami.protocol import decode, fields_of
from pbxbilling.domain.channel import ChannelKey
from pbxbilling.domain.signals import (
    AccountCode,
    AttendedTransfer,
    BridgeEnter,
    ChannelSeen,
    DialBegin,
    DialEnd,
    FullyBooted,
    Hangup,
    HangupRequest,
    Hold,
    LocalBridge,
    Newchannel,
    Newstate,
    Reloaded,
    Rename,
    Shutdown,
    Signal,
)

VARIABLE = "PBXBILLING"

Fields = Mapping[str, str]


class ChannelKeys:
    """The keys of one channel of an event: joined to their prefix once, not for every event."""

    __slots__ = (
        "accountcode",
        "caller",
        "context",
        "exten",
        "linkedid",
        "name",
        "state",
        "uniqueid",
        "variable",
    )

    def __init__(self, prefix: str = "") -> None:
        self.uniqueid = f"{prefix}Uniqueid"
        self.name = f"{prefix}Channel"
        self.state = f"{prefix}ChannelState"
        self.linkedid = f"{prefix}Linkedid"
        self.accountcode = f"{prefix}AccountCode"
        self.context = f"{prefix}Context"
        self.exten = f"{prefix}Exten"
        self.caller = f"{prefix}CallerIDNum"
        self.variable = f"\r\n{prefix}ChanVariable: {VARIABLE}="


OWN = ChannelKeys()
DIALLED = ChannelKeys("Dest")
LOCAL_ONE = ChannelKeys("LocalOne")
LOCAL_TWO = ChannelKeys("LocalTwo")


class Event:
    """One event on its way into a signal: its PBX, its text and its fields."""

    __slots__ = ("fields", "pbx", "text")

    def __init__(self, pbx: str, text: str) -> None:
        self.pbx = pbx
        self.text = text
        self.fields = fields_of(text)

    def key(self, keys: ChannelKeys = OWN) -> ChannelKey:
        """The channel under those keys; KeyError where there is none."""
        uniqueid = self.fields[keys.uniqueid]
        if not uniqueid:
            raise KeyError(keys.uniqueid)
        return ChannelKey(self.pbx, uniqueid)

    def channel(self, keys: ChannelKeys = OWN) -> ChannelSeen:
        """What the event shows of the channel; KeyError or ValueError where it shows none."""
        fields = self.fields
        get = fields.get
        caller = get(keys.caller, "")
        return ChannelSeen(
            self.key(keys),
            fields[keys.name],
            int(fields[keys.state]),
            get(keys.linkedid, ""),
            get(keys.accountcode, ""),
            get(keys.context, ""),
            get(keys.exten, ""),
            "" if caller == "<unknown>" else caller,
            self._inherited(keys.variable),
        )

    def _inherited(self, header: str) -> str:
        # `ChanVariable` repeats for every name in channelvars: the fields keep only the last
        text = self.text
        start = text.find(header)
        if start < 0:
            return ""
        start += len(header)
        end = text.find("\r\n", start)
        return text[start:] if end < 0 else text[start:end]

    @property
    def at(self) -> datetime | None:
        """`Timestamp: sec.µs` (timestampevents=yes); None where it is absent or no time."""
        stamp = self.fields.get("Timestamp")
        if stamp is None:
            return None
        try:
            return datetime.fromtimestamp(float(stamp), UTC)
        except (ValueError, OverflowError, OSError):
            return None


def _newchannel(event: Event) -> Signal:
    return Newchannel(event.channel(), event.at)


def _newstate(event: Event) -> Signal:
    return Newstate(event.channel(), event.at)


def _dial_begin(event: Event) -> Signal:
    caller = event.channel() if "Uniqueid" in event.fields else None
    return DialBegin(caller, event.channel(DIALLED), event.at)


def _dial_end(event: Event) -> Signal:
    return DialEnd(event.key(DIALLED), event.fields["DialStatus"], event.at)


def _local_bridge(event: Event) -> Signal:
    return LocalBridge(event.channel(LOCAL_ONE), event.channel(LOCAL_TWO), event.at)


def _bridge_enter(event: Event) -> Signal:
    fields = event.fields
    return BridgeEnter(event.channel(), fields["BridgeUniqueid"], fields["BridgeType"], event.at)


# The transferer's two channels are always there, the others only where a single channel is meant;
# `DestType: Link` joins the two bridges by a Local pair.
_TRANSFERRED = tuple(
    ChannelKeys(prefix)
    for prefix in (
        "OrigTransferer",
        "SecondTransferer",
        "Transferee",
        "TransferTarget",
        "LocalOne",
        "LocalTwo",
    )
)


def _attended_transfer(event: Event) -> Signal:
    fields = event.fields
    channels = tuple(event.key(keys) for keys in _TRANSFERRED if fields.get(keys.uniqueid))
    return AttendedTransfer(channels, fields["Result"] == "Success", event.at)


def _account_code(event: Event) -> Signal:
    return AccountCode(event.key(), event.fields["AccountCode"], event.at)


def _rename(event: Event) -> Signal:
    return Rename(event.key(), event.fields["Newname"], event.at)


def _hold(event: Event) -> Signal:
    return Hold(event.key(), held=True, at=event.at)


def _unhold(event: Event) -> Signal:
    return Hold(event.key(), held=False, at=event.at)


def _hangup_request(event: Event) -> Signal:
    return HangupRequest(event.key(), event.at)


def _hangup(event: Event) -> Signal:
    return Hangup(event.key(), event.at, int(event.fields.get("Cause") or 0))


def _fully_booted(event: Event) -> Signal:
    uptime = event.fields.get("Uptime")
    return FullyBooted(event.pbx, None if uptime is None else float(uptime))


def _shutdown(event: Event) -> Signal:
    return Shutdown(event.pbx)


def _reloaded(event: Event) -> Signal:
    return Reloaded(event.pbx, event.fields.get("Module", ""))


SIGNALS: Mapping[bytes, Callable[[Event], Signal]] = {
    b"Newchannel": _newchannel,
    b"Newstate": _newstate,
    b"DialBegin": _dial_begin,
    b"DialEnd": _dial_end,
    b"LocalBridge": _local_bridge,
    b"BridgeEnter": _bridge_enter,
    b"AttendedTransfer": _attended_transfer,
    b"NewAccountCode": _account_code,
    b"Rename": _rename,
    b"Hold": _hold,
    b"Unhold": _unhold,
    b"HangupRequest": _hangup_request,
    b"SoftHangupRequest": _hangup_request,
    b"Hangup": _hangup,
    b"FullyBooted": _fully_booted,
    b"Shutdown": _shutdown,
    b"Reload": _reloaded,
}


def signal_of(pbx: str, name: bytes, block: bytes) -> Signal | None:
    """The signal of an event that stands in SIGNALS; None where its fields do not make one."""
    try:
        return SIGNALS[name](Event(pbx, decode(block)))
    except (KeyError, ValueError):
        return None


def row_of(pbx: str, text: str) -> ChannelSeen | None:
    """A row of CoreShowChannels; None where its fields do not make a channel."""
    event = Event(pbx, text)
    fields = event.fields
    try:
        return event.channel()._replace(
            application=fields.get("Application", ""),
            bridge=fields.get("BridgeId", ""),
            age_s=_seconds(fields.get("Duration", "")),
        )
    except (KeyError, ValueError):
        return None


def _seconds(duration: str) -> float:
    """`hh:mm:ss` in seconds, 0 for what is empty; the hours can have more than two digits."""
    if not duration:
        return 0.0
    hours, minutes, seconds = duration.split(":")
    return float(int(hours) * 3600 + int(minutes) * 60 + int(seconds))
