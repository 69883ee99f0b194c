"""Hooks and legs that belong to nobody, beside a real Asterisk: seen, or of the PBX's tenant."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.scene import MOBILE, Scene
from rig.waiting import patience_s, until
from tests.support.daemon.daemon import Daemon

pytestmark = pytest.mark.asterisk

NOBODY = '[plan.p]\n[tenant.acme]\nplan = "p"\n'


def ran(daemon: Daemon, *words: str) -> str:
    """Return what a command prints."""
    command = [sys.executable, "-m", "pbxbilling.cli.main", *words, "-c", str(daemon.config)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=patience_s(60), check=False
    )
    return done.stdout


def test_what_nobody_has_is_counted_and_printed_as_lines_to_paste(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        daemon = stack.enter_context(Daemon(asterisk, tmp_path))
        daemon.apply(NOBODY.replace("acme", "other"))
        carrier = scene.carrier()
        scene.phone("acme").dial(MOBILE).hang_up()
        scene.phone("initech", answers=True)
        carrier.dial("+15550300").hang_up()
        daemon.wait_idle()
        assert daemon.metric("pbxbilling_unowned_hooks_total") == 2
        assert "2 hooks of the last day had no tenant" in ran(daemon, "status")
        told = ran(daemon, "doctor")
        lines = [line for line in told.splitlines() if line.startswith(("accountcodes", "dids"))]
        assert lines == ['accountcodes = ["acme"]', 'dids = ["+15550300"]']
        daemon.apply(NOBODY + "\n".join(lines))
        again = ran(daemon, "doctor")
        assert "accountcodes = " not in again
        scene.phone("acme", 2).dial(MOBILE).hang_up()
        daemon.wait_idle()
        assert daemon.metric("pbxbilling_unowned_hooks_total") == 2, "and pasted, they count"
        assert [leg["tenant"] for leg in daemon.legs()] == [None, None, "acme"]


def test_a_pbx_of_one_tenant_gives_it_whoever_is_unknown(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    """A hook, a leg without one, and a leg that the journal alone saw."""
    asterisk.journal.unlink(missing_ok=True)
    with ExitStack() as stack:
        scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        daemon = stack.enter_context(
            Daemon(asterisk, tmp_path, journal=True, pbx_more='tenant = "acme"\n')
        )
        assert "no tenant has that slug" in ran(daemon, "config", "check")
        daemon.apply(NOBODY)
        assert "no tenant has that slug" not in ran(daemon, "config", "check")
        scene.carrier()
        phone = scene.phone("initech")
        phone.dial(MOBILE).hang_up()
        phone.dial(f"*6{MOBILE}").hang_up()
        daemon.wait_idle()
        daemon.stop()
        phone.dial(f"*6{MOBILE}").hang_up()
        asterisk.wait_idle()
        daemon.start()
        until(lambda: len(daemon.answered()) == 3, "the journal's leg is on record", 20.0)
        assert [leg["tenant"] for leg in daemon.legs()] == ["acme"] * 3
        assert daemon.metric("pbxbilling_unowned_hooks_total") == 0
