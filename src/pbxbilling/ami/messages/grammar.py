"""The lines of the manager messages that we act on, and where a caller can write into them.

Asterisk (16 to 22) writes the number dialled, the caller's number and the names of Local channels
into its events as a phone sent them, line breaks included. So an event is trusted only if it has
every line of a genuine one in its place. A caller has 79 bytes in a field and the lines of a
channel's block take more: no forged block fits (docs/decisions/0003-what-a-caller-can-write.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# One channel of an event (main/manager_channels.c), each line with the prefix of its channel.
BLOCK = (
    "Channel",
    "ChannelState",
    "ChannelStateDesc",
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "Language",
    "AccountCode",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Linkedid",
)
# Values that a caller can put line breaks into; Asterisk escapes his name.
_OPEN = frozenset({"Channel", "CallerIDNum", "ConnectedLineNum"})
_NUMBERS = frozenset({"ChannelState", "Priority"})
# Prefixes of the keys of further channels, in the events that we read.
_PREFIXES = (
    "Dest", "LocalOne", "LocalTwo", "OrigTransferer", "SecondTransferer", "Transferee",
    "TransferTarget",
)  # fmt: skip

# A further line with such a name begins another event, or a forged block.
_FURTHER_BLOCK = rf"(?:{'|'.join(_PREFIXES)})?(?:Channel|ChannelState|Linkedid)"
_RESERVED = rf"(?!(?:Event|Privilege|Timestamp|{_FURTHER_BLOCK}): )"

ROW = "CoreShowChannel"
_ONE = (
    "Newchannel", "Newstate", "BridgeEnter", "NewAccountCode", "Hold", "Unhold", "HangupRequest",
    "SoftHangupRequest", "Hangup",
)  # fmt: skip
_OF_CHANNELS = (*_ONE, "DialBegin", "LocalBridge", "AttendedTransfer")

# --- strict: a line extends to its line feed, which is the fastest to find ------------------------

# Possessive quantifiers stand behind a single character only: behind a group, they match too little
# in Python 3.11.0 to 3.11.4, and Debian 12 has 3.11.2 (github.com/python/cpython/issues/106052).
# A group that has matched a line need not give it back: what follows begins with a reserved name.
_LINE = r".*+"  # including the CR
_LINES = rf"(?:\n{_RESERVED}[\w-]++:{_LINE})*"
_PRIVILEGE = r"\r\nPrivilege: [a-z,]+\r"
_STAMP = r"\nTimestamp: \d+\.\d{6}\r"
_HEAD = f"{_PRIVILEGE}(?:{_STAMP})?"


def _any_of(*patterns: str) -> str:
    return f"(?:{'|'.join(patterns)})"


def _block(prefix: str) -> str:
    values = (r"-?\d+\r" if name in _NUMBERS else _LINE for name in BLOCK)
    return "".join(rf"\n{prefix}{name}: {value}" for name, value in zip(BLOCK, values, strict=True))


_ANY_BLOCK = rf"\n(?P<p>(?:{'|'.join(_PREFIXES)})?)" + _block("(?P=p)").removeprefix(r"\n(?P=p)")
_EVENT = _any_of(
    f"{_any_of(*_ONE)}{_HEAD}{_LINES}{_block('')}{_LINES}",
    f"DialBegin{_HEAD}(?:{_block('')}{_LINES})?{_block('Dest')}{_LINES}",
    f"LocalBridge{_HEAD}{_block('LocalOne')}{_LINES}{_block('LocalTwo')}{_LINES}",
    f"AttendedTransfer{_HEAD}{_LINES}(?:{_ANY_BLOCK}{_LINES})+",
)
_LISTED = rf"{ROW}\r\nActionID: {_LINE}{_block('')}{_LINES}"
_RENAME = rf"Rename{_HEAD}\nChannel: {_LINE}\nNewname: {_LINE}\nUniqueid: {_LINE}{_LINES}"
_STATUS = r"\nStatus: Fully Booted"
# negative where the wall clock was set back to before the start
_AT_LOGIN = rf"\nUptime: -?\d+\r\nLastReload: -?\d+\r{_STATUS}"
_TO_ALL = rf"{_STAMP}(?=(?s:.*){_STATUS}){_LINES}"
_BOOTED = rf"FullyBooted{_PRIVILEGE}(?:{_AT_LOGIN}|{_TO_ALL})"
_OF_THE_PBX = f"(?:Shutdown|Reload){_PRIVILEGE}{_STAMP}{_LINES}"

WHOLE = re.compile(f"Event: {_any_of(_EVENT, _LISTED, _RENAME, _BOOTED, _OF_THE_PBX)}".encode())
"""Fully matches an event or row that we act on and that has each line in its place."""

_ACTED_ON = (*_OF_CHANNELS, ROW, "Rename", "FullyBooted", "Shutdown", "Reload")
ACTED_ON = re.compile(rf"Event: {_any_of(*_ACTED_ON)}\r\n".encode())
"""How such a message begins: if it is not WHOLE, a caller wrote into it or forged it."""


def beginning(token: str, *, stamped: bool) -> re.Pattern[bytes]:
    """Return the pattern of how Asterisk's messages begin; only this link's ActionIDs have `token`.

    `stamped`: this PBX puts a timestamp on its events; a caller then hardly has room to forge one.
    """
    event = rf"Event: \w+{_PRIVILEGE}" + (_STAMP if stamped else "")
    answer = rf"(?:Event|Response): \w+\r\nActionID: {re.escape(token)}"
    status = r"Event: Status\r\nPrivilege: Call\r"
    return re.compile(_any_of(event, answer, status, f"Event: {_BOOTED}").encode())


# --- open: a value that a caller writes may extend over several lines -----------------------------

_SHUT = r"[^\r\n]*"
_FURTHER = rf"(?:\r\n{_RESERVED}[\w-]++:{_SHUT})*"


def _open_value(name: str, exten: str) -> str:
    if name == "Exten":
        return f"({exten})"
    if name in _OPEN:
        return "(.*?)"
    return r"-?\d+" if name in _NUMBERS else _SHUT


def _open(prefix: str, exten: str) -> str:
    lines = (rf"\r\n{prefix}{name}: {_open_value(name, exten)}" for name in BLOCK)
    return "".join(lines) + rf"(?:\r\n{prefix}ChanVariable: {_SHUT})*"


def _shapes(exten: str) -> Mapping[str, re.Pattern[bytes]]:
    own, dialled = _open("", exten), _open("Dest", exten)
    locals_ = _open("LocalOne", exten) + _open("LocalTwo", exten)
    tails = {
        **dict.fromkeys(_ONE, f"{_FURTHER}{own}{_FURTHER}"),
        "DialBegin": rf"(?:{own})?{dialled}\r\nDialString: (.*)",
        "LocalBridge": (
            rf"{locals_}\r\nContext: {_SHUT}\r\nExten: (.*)\r\nLocalOptimization: {_SHUT}"
        ),
        "Rename": rf"\r\nChannel: (.*?)\r\nNewname: (.*)\r\nUniqueid: {_SHUT}",
    }
    head = r"\r\nPrivilege: [a-z,]+(?:\r\nTimestamp: \d+\.\d{6})?"
    shapes = {name: f"Event: {name}{head}{tail}" for name, tail in tails.items()}
    shapes[ROW] = (
        rf"Event: {ROW}\r\nActionID: {_SHUT}{own}\r\nApplication: {_SHUT}\r\nApplicationData: (.*)"
        rf"\r\nDuration: {_SHUT}\r\nBridgeId: {_SHUT}"
    )
    return {name: re.compile(pattern.encode(), re.DOTALL) for name, pattern in shapes.items()}


_LAST, _FIRST = _shapes(".*"), _shapes(".*?")
_SEVERAL = frozenset({"DialBegin", "LocalBridge"})
_BREAK = re.compile(rb"[\r\n]+")


def rejoined(message: bytes) -> bytes | None:
    """Replace every line break that a caller wrote with `_`; None where the message is ambiguous.

    With one channel, the last lines that can end its block are the true ones, as a caller writes
    before them. With two channels he also writes between and after them: if the first and the
    last such lines give different results, the message is ambiguous.
    """
    name = message[7 : message.find(b"\r\n")].decode("latin-1")
    shape = _LAST.get(name)
    match = shape.fullmatch(message) if shape else None
    if match is None:
        return None
    cleaned = _cleaned(match)
    if name in _SEVERAL:
        first = _FIRST[name].fullmatch(message)
        if first is None or _cleaned(first) != cleaned:
            return None
    return cleaned


def _cleaned(match: re.Match[bytes]) -> bytes:
    message = match.string
    parts, at = [], 0
    for group in range(1, match.re.groups + 1):
        start, end = match.span(group)
        if start >= at:
            parts += [message[at:start], _BREAK.sub(b"_", message[start:end])]
            at = end
    return b"".join([*parts, message[at:]])
