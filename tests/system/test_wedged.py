"""A wedged daemon: the dialplan releases the caller, the watchdog starts a new daemon."""

from __future__ import annotations

import asyncio
import os
import subprocess
import urllib.request
from pathlib import Path
from signal import SIGSTOP

import pytest

from rig import provision, sipp
from rig.asterisk import Asterisk
from rig.program import PROGRAM
from rig.waiting import patience_s, until
from tests.support.daemon.daemon import ACCOUNTS, Daemon
from tests.support.daemon.supervisor import Supervisor

pytestmark = pytest.mark.asterisk


async def test_the_watchdog_replaces_a_wedged_daemon_and_no_caller_is_held(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    daemon = Daemon(asterisk, tmp_path)
    program = str(PROGRAM)
    command = [program, "serve", "-c", str(daemon.config)]
    async with Supervisor(
        command, watchdog_s=patience_s(1), log=tmp_path / "daemon.log"
    ) as supervisor:
        await supervisor.ready(timeout_s=20)
        await asyncio.to_thread(daemon.apply, ACCOUNTS)
        asterisk.set_global("PBXBILLING_HOOK", daemon.hook)
        first = supervisor.pid
        os.kill(first, SIGSTOP)
        await asyncio.to_thread(_call_answered, asterisk, tmp_path)  # by the fallback
        await supervisor.restarted(timeout_s=20)
        assert supervisor.pid != first
        await asyncio.to_thread(until, lambda: daemon.get("/status")["ready"], "true counts")


def _call_answered(asterisk: Asterisk, directory: Path) -> None:
    block = asterisk.block
    with (
        sipp.answer(directory / "carrier", block.carrier()),
        sipp.call(
            directory / "caller", block.pbx, block.phone("acme"), "0155501", count=1, hold_s=0.2
        ) as calls,
    ):
        calls.await_count("final", 1)
        assert calls.finals() == {200: 1}
        calls.finish()


def test_what_the_running_daemon_shows_is_clean_to_promtool(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with Daemon(asterisk, tmp_path) as daemon:
        daemon.apply(ACCOUNTS)
        _call_answered(asterisk, tmp_path)
        daemon.wait_idle()
        with urllib.request.urlopen(
            f"http://{daemon.http}/metrics", timeout=patience_s(5)
        ) as answer:
            body = answer.read()
    checked = subprocess.run(
        [provision.promtool(), "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    decided = next(line for line in body.splitlines() if line.startswith(b"pbxbilling_admission_d"))
    assert all(label in decided for label in (b'"acme"', b'"admit"', b'"ok"'))
    assert float(decided.split()[-1]) == 1
