"""AMI events → signals: one table, one small function per event.

The keys are those of main/manager_channels.c, manager_bridges.c, core_local.c and
stasis_bridges.c (Asterisk 16 to 22). Each further channel of an event repeats the channel's block
under a prefix: `Dest`, `LocalOne`, `OrigTransferer`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pbxbilling.ami.messages.dial_string import number_dialled
from pbxbilling.ami.messages.grammar import BLOCK
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.directions import line_state
from pbxbilling.calls.live.signals import (
    AccountCode,
    AttendedTransfer,
    BridgeEnter,
    ChannelSeen,
    DialBegin,
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
from pbxbilling.kernel.text import decode, printable

VARIABLE = "PBXBILLING"


# The headers of a channel that are used.
_UNIQUEID = "Uniqueid"
_HEADERS = frozenset(
    {
        "Channel",
        "ChannelState",
        "CallerIDNum",
        "AccountCode",
        "Context",
        "Exten",
        _UNIQUEID,
        "Linkedid",
    }
)


class ChannelKeys:
    """How to find one channel of an event by the prefix of its keys; built once per prefix."""

    __slots__ = ("lined_up", "prefix", "uniqueid", "variable")

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.uniqueid = prefix + _UNIQUEID
        self.variable = f"\r\n{prefix}ChanVariable: {VARIABLE}="
        # one pass finds all headers, several times as fast as one by one
        self.lined_up = re.compile("".join(rf"\n{prefix}{h}: {_value(h)}" for h in BLOCK))


def _value(header: str) -> str:
    """Return a value's pattern: up to the line feed is fastest; the last line may lack it."""
    if header not in _HEADERS:
        return ".*+"
    return r"([^\r\n]*)" if header == BLOCK[-1] else r"(.*)\r"


OWN = ChannelKeys()
DIALLED = ChannelKeys("Dest")
LOCAL_ONE = ChannelKeys("LocalOne")
LOCAL_TWO = ChannelKeys("LocalTwo")


def stamp_of(text: str) -> datetime | None:
    """Parse `sec.µs` since 1970, Asterisk's stamp of events and pongs; None for no time."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


class Event:
    """One event to be mapped: its PBX and its text."""

    __slots__ = ("pbx", "text")

    def __init__(self, pbx: str, text: str) -> None:
        self.pbx = pbx
        self.text = text

    def get(self, header: str) -> str | None:
        """Return the first value of that header; None where it is missing."""
        return self._after(f"\r\n{header}: ")

    def need(self, header: str) -> str:
        """Return the first value of that header. Raises KeyError where it is missing."""
        value = self.get(header)
        if value is None:
            raise KeyError(header)
        return value

    def key(self, keys: ChannelKeys = OWN) -> ChannelKey:
        """Return that channel's key. Raises KeyError where there is none."""
        uniqueid = self.need(keys.uniqueid)
        if not uniqueid:
            raise KeyError(keys.uniqueid)
        return ChannelKey(self.pbx, uniqueid)

    def channel(self, keys: ChannelKeys = OWN) -> ChannelSeen:
        """Return that channel. Raises KeyError or ValueError where the event shows none."""
        match = keys.lined_up.search(self.text)
        if match is None:
            raise KeyError(keys.prefix + "Channel")
        name, state, caller, accountcode, context, exten, uniqueid, linkedid = match.groups()
        if not uniqueid:
            raise KeyError(keys.uniqueid)
        return ChannelSeen(
            ChannelKey(self.pbx, uniqueid),
            name,  # as it is: an order to Asterisk names the channel by it
            line_state(int(state)),
            linkedid,
            printable(accountcode),
            printable(context),
            printable(exten),
            "" if caller == "<unknown>" else printable(caller),
            self._after(keys.variable) or "",
        )

    @property
    def at(self) -> datetime | None:
        """The time in `Timestamp: sec.µs` (timestampevents=yes); None if absent or invalid."""
        stamp = self._after("\r\nTimestamp: ")
        return stamp_of(stamp) if stamp is not None else None

    def _after(self, mark: str) -> str | None:
        text = self.text
        start = text.find(mark)
        if start < 0:
            return None
        start += len(mark)
        end = text.find("\r\n", start)
        return text[start:] if end < 0 else text[start:end]


def _newchannel(event: Event) -> Signal:
    return Newchannel(event.channel(), event.at)


def _newstate(event: Event) -> Signal:
    return Newstate(event.channel(), event.at)


def _dial_begin(event: Event) -> Signal:
    caller = event.channel() if event.get(_UNIQUEID) else None
    dialled = event.channel(DIALLED)
    number = printable(number_dialled(dialled.name, event.get("DialString") or ""))
    return DialBegin(caller, dialled, event.at, number)


def _local_bridge(event: Event) -> Signal:
    return LocalBridge(event.channel(LOCAL_ONE), event.channel(LOCAL_TWO), event.at)


def _bridge_enter(event: Event) -> Signal:
    bridge, kind = event.need("BridgeUniqueid"), event.need("BridgeType")
    return BridgeEnter(event.channel(), bridge, kind, event.at)


# The transferer's two channels are always there, the others only if they are a single channel;
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
    channels = tuple(event.key(keys) for keys in _TRANSFERRED if event.get(keys.uniqueid))
    return AttendedTransfer(channels, event.need("Result") == "Success", event.at)


def _account_code(event: Event) -> Signal:
    return AccountCode(event.key(), printable(event.need("AccountCode")), event.at)


def _rename(event: Event) -> Signal:
    return Rename(event.key(), event.need("Newname"), event.at)


def _hold(event: Event) -> Signal:
    return Hold(event.key(), held=True, at=event.at)


def _unhold(event: Event) -> Signal:
    return Hold(event.key(), held=False, at=event.at)


def _hangup_request(event: Event) -> Signal:
    return HangupRequest(event.key(), event.at)


def _hangup(event: Event) -> Signal:
    return Hangup(event.key(), event.at, int(event.get("Cause") or 0))


def _fully_booted(event: Event) -> Signal:
    uptime = event.get("Uptime")
    return FullyBooted(event.pbx, None if uptime is None else float(uptime))


def _shutdown(event: Event) -> Signal:
    return Shutdown(event.pbx)


def _reloaded(event: Event) -> Signal:
    return Reloaded(event.pbx, event.get("Module") or "")


SIGNALS: Mapping[bytes, Callable[[Event], Signal]] = {
    b"Newchannel": _newchannel,
    b"Newstate": _newstate,
    b"DialBegin": _dial_begin,
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
    """Return the signal of an event in SIGNALS; None where its fields do not form one."""
    try:
        return SIGNALS[name](Event(pbx, decode(block)))
    except (KeyError, ValueError):
        return None


def row_of(pbx: str, text: str) -> ChannelSeen | None:
    """Parse a row of CoreShowChannels; None where its fields do not form a channel."""
    event = Event(pbx, text)
    try:
        return event.channel()._replace(
            application=event.get("Application") or "",
            bridge=event.get("BridgeId") or "",
            age_s=_seconds(event.get("Duration") or ""),
        )
    except (KeyError, ValueError):
        return None


def _seconds(duration: str) -> float:
    """Convert `hh:mm:ss` to seconds; the hours can have more than two digits.

    Return 0 for an empty value, and for `00:-59:-30`: a wall clock that was set back.
    """
    if not duration:
        return 0.0
    hours, minutes, seconds = duration.split(":")
    return max(0.0, float(int(hours) * 3600 + int(minutes) * 60 + int(seconds)))
