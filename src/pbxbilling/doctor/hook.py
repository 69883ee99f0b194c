"""Sends a hook as Asterisk would, and checks that a verdict comes back in time."""

from __future__ import annotations

import asyncio
import contextlib
import os

from pbxbilling.agi.sessions.allow_list import AllowList
from pbxbilling.agi.sessions.protocol import LINES
from pbxbilling.config.sections import AgiSettings
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.kernel.codes import Reason
from pbxbilling.kernel.ports import Clock

STRANGER = "doctor?"  # no [[pbx]] can have this name, so the daemon reserves nothing for it
CONNECT_S = 2.0
MARGIN_S = 1.0  # added to the daemon's own deadline

_SUBJECT, _NAME = "hook", "round trip"
_VERDICT = b'SET VARIABLE __PBXBILLING "'
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a key, not an address to listen on


def environment(token: str = "") -> bytes:
    """Build the AGI environment that Asterisk would send, for a call that does not exist."""
    values = {
        "network": "yes",
        "network_script": f"outbound?k={token}" if token else "outbound",
        "channel": "doctor",
        "uniqueid": "doctor",
        "callerid": "unknown",
        "dnid": "unknown",
        "context": "doctor",
    }
    lines = [(line, values.get(line, "")) for line in LINES]
    lines += [(f"arg_{i}", arg) for i, arg in enumerate(("", "doctor", "", STRANGER, "doctor"), 1)]
    return "".join([*(f"agi_{name}: {value}\n" for name, value in lines), "\n"]).encode()


async def round_trip(agi: AgiSettings, clock: Clock) -> Check:
    """Send a hook as an unknown PBX: the daemon answers it, and reserves nothing."""
    if agi.address.port == 0:
        return warn(_SUBJECT, _NAME, "agi.listen leaves the port open", "name a port")
    host = _ANYWHERE.get(agi.address.host, agi.address.host)
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, agi.address.port)
    except (OSError, TimeoutError) as fault:
        reason = os.strerror(fault.errno) if fault.errno else "no answer"
        found = f"nothing listens on {agi.listen} ({reason})"
        fix = (
            "`systemctl start pbxbilling`, or see its log; until then the fallback decides about"
            " calls"
        )
        return fail(_SUBJECT, _NAME, found, fix)
    try:
        own = writer.get_extra_info("sockname")[0]
        if own not in AllowList(agi.allow):
            found = f"{own} is not in agi.allow: the daemon does not answer this machine"
            found_out = fail if agi.address.is_loopback else warn  # else a PBX elsewhere may ask
            return found_out(_SUBJECT, _NAME, found, f'add "{own}" to agi.allow')
        return await _ask(agi, reader, writer, clock)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _ask(
    agi: AgiSettings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock
) -> Check:
    since_s = clock.monotonic()
    line = b""
    try:
        writer.write(environment(agi.token.get_secret_value()))
        async with asyncio.timeout(agi.deadline_ms / 1000 + MARGIN_S):
            line = await reader.readline()
            writer.write(b"200 result=1\n")
    except TimeoutError:
        found = f"connected to {agi.listen}, but no verdict within {agi.deadline_ms} ms"
        return fail(_SUBJECT, _NAME, found, "the daemon hangs: `systemctl restart pbxbilling`")
    except (OSError, ValueError) as fault:
        line = str(fault).encode()
    return judge_answer(agi, line, (clock.monotonic() - since_s) * 1000)


def judge_answer(agi: AgiSettings, line: bytes, took_ms: float) -> Check:
    """Check that the line is a verdict, and not the one for a missed deadline."""
    if not line.startswith(_VERDICT):
        found = f"{agi.listen} answers {line[:60]!r}: no verdict" if line else "closed unanswered"
        fix = f"check which program listens on {agi.listen}, and the daemon's log"
        return fail(_SUBJECT, _NAME, found, fix)
    if f"|{Reason.MALFORMED}|".encode() in line:
        found = "the verdict came by policy: the daemon takes this request for no true one"
        fix = "after a change of agi.token_file: `systemctl reload pbxbilling`"
        return fail(_SUBJECT, _NAME, found, fix)
    if f"|{Reason.DEADLINE}|".encode() in line:
        found = "the verdict came by policy: the deadline was missed"
        return warn(_SUBJECT, _NAME, found, "check the load of this machine, and the daemon's log")
    return ok(_SUBJECT, _NAME, f"a verdict in {took_ms:.0f} ms")
