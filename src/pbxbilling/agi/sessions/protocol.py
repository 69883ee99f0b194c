"""FastAGI without sockets: parse an environment into a `HookRequest`, encode a `Verdict`.

Every call waits for these few microseconds, so one pass over the environment finds all fields;
only an environment in an unusual order is read line by line.

A caller can write line breaks into his number, his name and the name of a Local channel, and so
add lines or end the environment early. His 79 bytes cannot hold all the lines that follow his
own. So if a line is missing, only the first line is trusted; if a line occurs twice, only the
first line and the last ones are, which follow everything that a caller can write
(docs/decisions/0003-what-a-caller-can-write.md).

Source of the format: Asterisk's res/res_agi.c (setup_env, launch_netscript, parse_args).
"""

from __future__ import annotations

import re
from dataclasses import replace

from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.kernel.codes import Direction
from pbxbilling.kernel.text import printable

ENVIRONMENT_MAX_BYTES = 64 * 1024
LINE_MAX_BYTES = 8 * 1024  # Asterisk itself never sends more of one variable
COMMAND_MAX_BYTES = 2047  # AGI_BUF_LEN before Asterisk 22.6 is 2,048 with the closing NUL

# Every line before the arguments, in the order in which Asterisk sends them (setup_env).
LINES = (
    "network", "network_script", "request", "channel", "language", "type", "uniqueid", "version",
    "callerid", "calleridname", "callingpres", "callingani2", "callington", "callingtns", "dnid",
    "rdnis", "context", "extension", "priority", "enhanced", "accountcode", "threadid",
)  # fmt: skip
# The lines that are used. The hook's arguments are tenant, linkedid, number, PBX name and the
# calling context, because inside the subroutine agi_context is the subroutine's own.
_ARGUMENTS = ("arg_1", "arg_2", "arg_3", "arg_4", "arg_5")
_FIELDS = (
    "network_script",
    "channel",
    "uniqueid",
    "callerid",
    "dnid",
    "context",
    "accountcode",
    *_ARGUMENTS,
)


_UNKNOWN = "unknown"  # Asterisk's value for a missing caller or number
_MAY_BE_MISSING = ("callerid", "dnid")


def _line(field: str) -> str:
    value = r"([ -~]*+)" if field in _FIELDS else r"[^\n]*+"
    if field in _MAY_BE_MISSING:
        value = rf"(?:{_UNKNOWN}(?=\n)|{value})"
    return rf"\nagi_{field}: *+{value}"


# The usual case: every line in order, and the values that are used in printable ASCII. An older
# subroutine sends no fifth argument.
_IN_ORDER = re.compile(
    "".join(map(_line, (*LINES, *_ARGUMENTS[:-1]))) + f"(?:{_line(_ARGUMENTS[-1])})?"
)
_DIRECTIONS = {direction.value: direction for direction in Direction}
_PREFIX = "agi_"
_FIRST = "agi_network_script"  # precedes everything that a caller can write
_ARGUMENT = "agi_arg_"
_TENANT = "agi_arg_1"
_THREAD = "agi_threadid"  # the last line before the arguments
_WEAKER = ("agi_accountcode", "agi_context")  # weaker evidence than the tenant argument

# Characters that could end a field, the value or the command early.
_MEANINGFUL = re.compile(r'["\\|]')
_TENANT_MAX = 64  # no slug is longer
_PLAIN_MAX = 256


class Environment:
    """The lines that Asterisk sends first, up to the blank line; they arrive in pieces of any size.

    Lines without an `agi_` variable (`HANGUP`, garbage) are ignored wherever they occur, as is
    everything after the blank line.
    """

    __slots__ = ("_buffer", "_end", "token", "whole")

    def __init__(self) -> None:
        self._buffer = bytearray(b"\n")  # so that every line follows a newline
        self._end = -1
        self.token = ""  # of the path, once `request` has read it; no log line may have it
        self.whole = False

    def __bool__(self) -> bool:
        """Return whether anything has arrived."""
        return len(self._buffer) > 1

    def feed(self, data: bytes) -> bool:
        """Take received bytes; return True when no more are needed.

        `whole` is then True if the blank line was found and no size limit was exceeded.
        """
        buffer = self._buffer
        start = max(0, len(buffer) - 2)  # a blank line may begin here
        buffer += data
        blank = _blank_line(buffer, start)
        if blank < 0 and len(buffer) <= ENVIRONMENT_MAX_BYTES:
            return False
        self._finish(blank)
        return True

    def _finish(self, end: int) -> None:
        buffer = self._buffer
        if not 0 <= end <= ENVIRONMENT_MAX_BYTES:
            self._end = buffer.rfind(b"\n", 0, ENVIRONMENT_MAX_BYTES)
            return
        self._end = end
        self.whole = end <= LINE_MAX_BYTES or all(
            len(line) <= LINE_MAX_BYTES for line in buffer[:end].split(b"\n")
        )

    def request(self, peer: str = "") -> HookRequest:
        """Build the request from the whole lines received so far.

        A missing field is empty; an unknown path gives no direction (None). A line cut short is
        left out: half a number could be another number. If a caller wrote lines of his own, only
        the direction and the lines after everything that he wrote are used.
        """
        end = self._end if self._end >= 0 else self._buffer.rfind(b"\n")
        text = _decoded(self._buffer[:end])
        match = _IN_ORDER.fullmatch(text)
        values = match.groups("") if match else _by_line(text, whole=self.whole)
        (
            script, channel, uniqueid, caller, dnid, context, accountcode,
            tenant, linkedid, number, pbx, calling,
        ) = values  # fmt: skip
        direction = _DIRECTIONS.get(script)
        if direction is None:
            direction, self.token = _direction_of(script), _token_of(script)
        return HookRequest(
            uniqueid,
            channel,
            direction,
            tenant,
            linkedid,
            number,
            pbx,
            caller,
            accountcode,
            calling or context,
            dnid,
            peer,
        )


def _blank_line(buffer: bytearray, start: int) -> int:
    """Return where the first blank line begins, LF or CRLF; -1 for none."""
    plain = buffer.find(b"\n\n", start)
    if buffer.find(b"\r", start) < 0:  # Asterisk sends none, and searching one byte is fast
        return plain
    before = buffer.find(b"\n\r\n", start, plain if plain >= 0 else len(buffer))
    return before if before >= 0 else plain


def _direction_of(script: str) -> Direction | None:
    return _DIRECTIONS.get(script.partition("?")[0].strip("/"))


def _token_of(script: str) -> str:
    """Return the token of a path such as `outbound?k=TOKEN`; "" for none."""
    _, _, query = script.partition("?")
    return query[2:] if query.startswith("k=") else ""


def _decoded(raw: bytes | bytearray) -> str:
    """Decode UTF-8; a line that is not UTF-8 is Latin-1, as old phones write names."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "\n".join(map(_decoded_line, raw.split(b"\n")))


def _decoded_line(raw: bytes | bytearray) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _by_line(text: str, *, whole: bool) -> tuple[str, ...]:
    """Return the fields of an environment in an unusual order, or not complete yet."""
    found: dict[str, str] = {}
    lines: list[tuple[str, str]] = []
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        if name.startswith(_PREFIX):
            lines.append((name, value.lstrip(" ")))
            found.setdefault(name, value.lstrip(" "))
    lacking = any(_PREFIX + line not in found for line in LINES)
    if len(found) < len(lines) or (lacking and whole):
        behind = {} if lacking else _behind_the_caller(lines)
        found = {_FIRST: found.get(_FIRST, ""), **behind}
    elif lacking and not whole:  # arguments follow all of LINES, so any found is forged
        found = {name: found[name] for name in found if not name.startswith(_ARGUMENT)}
    if not whole and _TENANT not in found:  # stronger evidence is still to come
        found = {name: found[name] for name in found if name not in _WEAKER}
    return tuple(_value(field, found.get(_PREFIX + field, "")) for field in _FIELDS)


def _behind_the_caller(lines: list[tuple[str, str]]) -> dict[str, str]:
    """Return the lines after everything that a caller wrote, if some line occurs twice.

    Asterisk's own lines end with account code and thread, then the arguments follow: the last ones
    are the true ones. If that sequence occurs twice, a caller wrote one of them: none is trusted.
    """
    begin = len(lines)
    while begin and lines[begin - 1][0].startswith(_ARGUMENT):
        begin -= 1
    arguments = dict(lines[begin:])
    names = [name for name, _ in lines]
    places = [n for n, name in enumerate(names[:-1]) if (name, names[n + 1]) == (_THREAD, _TENANT)]
    if len(arguments) < len(lines) - begin or len(places) > 1 or names[begin - 1] != _THREAD:
        return {}
    before = dict(lines[:begin])  # the last value of each
    return {name: before[name] for name in _WEAKER} | arguments


def _value(field: str, raw: str) -> str:
    value = printable(raw)  # drops the CR of a CRLF line as well
    return "" if value == _UNKNOWN and field in _MAY_BE_MISSING else value


def command(verdict: Verdict) -> bytes:
    """Return the one command of a session: set the whole verdict as an inherited channel variable.

    Asterisk reads a quoted argument up to the next quote, a backslash escapes the character after
    it, and a newline ends the command (parse_args). The value contains none of these, whatever
    the dialplan passed as the tenant. The command always fits Asterisk's line buffer.
    """
    value = str(verdict)
    if len(value) > _PLAIN_MAX or not _is_plain(value):
        value = str(_tamed(verdict))
    return b'SET VARIABLE __PBXBILLING "%b"\n' % value.encode(errors="replace")


def _is_plain(value: str) -> bool:
    return value.count("|") == 7 and '"' not in value and "\\" not in value and value.isprintable()


def _tamed(verdict: Verdict) -> Verdict:
    """Return the verdict with its strings shortened and stripped of special characters."""
    return replace(
        verdict,
        tenant=_tame(verdict.tenant),
        direction=_tame(verdict.direction),
        call=_tame(verdict.call),
        flags=tuple(map(_tame, verdict.flags[:4])),
    )


def _tame(word: str) -> str:
    return _MEANINGFUL.sub("", printable(word))[:_TENANT_MAX]


def answer_code(lines: bytes) -> int | None:
    """Return the status of Asterisk's answer to the command; None while it has not arrived.

    200 is success; 510 unknown command, 511 dead channel, 520 wrong usage (several lines, the
    first has the code). Other lines, `HANGUP` above all, are ignored.
    """
    for line in lines.split(b"\n")[:-1]:
        if line[:3].isdigit() and line[3:4] in b" -":
            return int(line[:3])
    return None
