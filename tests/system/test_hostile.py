"""Hostile traffic at an open port, in front of a daemon that goes on serving calls."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.scene import MOBILE
from rig.waiting import patience_s, until
from tests.support.daemon.stage import Stage, accounts

pytestmark = pytest.mark.asterisk

WARM, CONNECTS = 25_000, 10_000
GROWTH_MOST = 8 << 20  # bytes; an object leaked per connection would be more


def test_ten_thousand_silent_connections_do_not_delay_the_next_call(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        daemon.apply(accounts("pair"))
        live = stage.phone.dial(MOBILE)
        host, _, port = daemon.hook.rpartition(":")
        _come_and_go(host, int(port), WARM)  # until garbage is collected as fast as it is created
        before = daemon.metric("process_resident_memory_bytes")
        _come_and_go(host, int(port), CONNECTS)
        next_call = stage.phone.dial(MOBILE)
        assert stage.refused_with() == 486  # judged by the daemon, not admitted in its absence
        ended = "pbxbilling_agi_sessions_total"
        until(lambda: daemon.metric(ended, ending="silent") == WARM + CONNECTS, "all are over")
        assert daemon.metric("process_resident_memory_bytes") - before < GROWTH_MOST
        for leg in (live, next_call):
            leg.hang_up()
        daemon.wait_idle()


def _come_and_go(host: str, port: int, times: int) -> None:
    for _ in range(times):
        socket.create_connection((host, port), timeout=patience_s(5)).close()
