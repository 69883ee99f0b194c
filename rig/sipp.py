"""SIPp as callers and as carrier: a third-party peer of Asterisk.

A run is one SIPp process with its own address and folder. Its scenario writes one line for each
event of a call; the results are read from these lines, also while the run goes on. SIPp takes
about a second before its first INVITE.
"""

import signal
import socket
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from rig import provision
from rig.running import Running
from rig.sippmessages import Timing, timing
from rig.site import SIP_PORT, Endpoint
from rig.waiting import patience_s, until

SCENARIOS = Path(__file__).parent / "scenarios"

_REFUSAL = """  <recv response="{0}" optional="true" next="refused">
    <action><log message="final [call_number] {0}"/></action>
  </recv>"""
_REFUSALS = (400, 403, 404, 408, 410, 480, 482, 484, 486, 487, 488, 500, 502, 503, 600, 603, 604)
_FOREVER_S = 3600.0


class Happening(NamedTuple):
    """One line of a run: `what` is ringing, early, final, ended, invited, answered or cancelled.

    `call` counts a run's calls from 1; `detail` is the status code, the number, or the side that
    hung up.
    """

    what: str
    call: int
    detail: str


class Sipp(Running):
    """A SIPp process that runs one scenario; a context manager that ends it."""

    def __init__(
        self,
        scenario: str,
        directory: Path,
        here: Endpoint,
        values: dict[str, str],
        *options: str,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._log = directory / "happenings"
        self._log.write_bytes(b"")
        self._directory = directory
        (directory / "scenario.xml").write_text(_filled(scenario, values))
        command = [
            *("setpriv", "--pdeathsig", "KILL", str(provision.tool("sipp"))),
            *("-sf", "scenario.xml", "-i", here.address, "-mi", here.address, "-ci", here.address),
            *("-nostdin", "-trace_logs", "-log_file", "happenings"),
            *("-trace_err", "-error_file", "errors", *options),
        ]
        with (directory / "screen").open("wb") as screen:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                process_group=0,  # keeps Ctrl-C away: it is meant for the parent
            )

    def happenings(self, what: str = "") -> list[Happening]:
        """Return what happened so far, in order; only of one kind if `what` is given."""
        lines = self._log.read_text().splitlines(keepends=True)
        rows = [_happening(line) for line in lines if line.endswith("\n")]
        return [row for row in rows if what in ("", row.what)]

    def finals(self) -> Counter[int]:
        """Return status code → number of calls with that final answer so far. 200 is answered."""
        return Counter(int(row.detail) for row in self.happenings("final"))

    def timing(self) -> Timing:
        """Return the timing from the message log; only for a finished `call` that is `timed`."""
        return timing((self._directory / "messages").read_text())

    def await_count(self, what: str, count: int, timeout_s: float = 10.0) -> list[Happening]:
        """Return when `what` has happened `count` times."""

        def enough() -> list[Happening] | None:
            rows = self.happenings(what)
            return rows if len(rows) >= count else None

        return until(enough, f"{count} times {what} in {self._directory.name}", timeout_s)

    def finish(self, timeout_s: float = 60.0) -> Counter[int]:
        """Wait for every call of the run to end by itself, and return `finals`.

        Raises RuntimeError, with SIPp's message, when a call deviated from its scenario.
        """
        status = self._process.wait(patience_s(timeout_s))
        if status:
            errors = self._directory / "errors"
            said = errors.read_text(errors="replace") if errors.exists() else ""
            raise RuntimeError(f"SIPp ended with {status}: {said[-3000:]}")
        return self.finals()

    def drain(self, timeout_s: float = 60.0) -> Counter[int]:
        """Begin no more calls, wait for live ones to end by themselves, and return `finals`.

        Unlike `finish` it ignores calls that deviated from their scenario.
        """
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR1)
        self._process.wait(patience_s(timeout_s))
        return self.finals()

    def stop(self) -> None:
        """End the process at once; live calls are left to Asterisk."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def call(
    directory: Path,
    pbx: str,
    caller: Endpoint,
    number: str,
    *,
    count: int = 1,
    hold_s: float = _FOREVER_S,
    per_s: float = 2000.0,
    timed: bool = False,
) -> Sipp:
    """Run `count` calls from one phone or carrier to `number`, at once unless `per_s` is lowered.

    An answered call talks for `hold_s` and hangs up, unless the far end does first. `timed` saves
    the message log for `timing`.
    """
    values = {
        "CALLER": caller.extension or "0155599",
        "HOLD_MS": _ms(hold_s),
        "REFUSALS": "\n".join(_REFUSAL.format(code) for code in _REFUSALS),
    }
    directory.mkdir(parents=True, exist_ok=True)
    pace = ("-r", str(max(1, round(per_s))), "-l", str(count), "-m", str(count))
    keep = ("-trace_msg", "-message_file", "messages") if timed else ()
    target = (f"{pbx}:{SIP_PORT}", "-s", number, *pace, *keep)
    return Sipp("call", directory, caller, values, *target)


def answer(directory: Path, callee: Endpoint) -> Sipp:
    """Run a phone or carrier that answers every call at once and leaves hanging up to the caller.

    Returns when its socket is bound: an earlier INVITE is lost, and retransmitted late.
    """
    run = Sipp("answer", directory, callee, {}, "-p", str(SIP_PORT), "-m", "1000000")
    try:
        until(lambda: _is_bound(callee.address), f"SIPp listens on {callee.address}")
    except TimeoutError:
        run.stop()
        raise
    return run


def _is_bound(address: str) -> bool:
    octets = socket.inet_aton(address)[::-1].hex().upper()
    return f" {octets}:{SIP_PORT:04X} " in Path("/proc/net/udp").read_text()


def _filled(scenario: str, values: dict[str, str]) -> str:
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _happening(line: str) -> Happening:
    what, number, detail = [*line.split(), ""][:3]
    return Happening(what, int(number), detail)


def _ms(seconds: float) -> str:
    """Format a timeout for SIPp: whole milliseconds, where 0 would mean none."""
    return str(max(1, round(seconds * 1000)))
