"""What reaches an open port, in front of a daemon that goes on serving calls."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.stage import Stage, accounts

pytestmark = pytest.mark.asterisk

CONNECTS = 10_000
GROWTH_MOST = 8 << 20  # bytes; an object kept of each connection would be more


def test_ten_thousand_connections_without_a_word_do_not_hold_up_the_next_call(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        daemon.apply(accounts("pair"))
        live = stage.phone.dial(MOBILE)
        host, _, port = daemon.hook.rpartition(":")
        before = daemon.metric("process_resident_memory_bytes")
        for _ in range(CONNECTS):
            socket.create_connection((host, int(port)), timeout=5).close()
        next_call = stage.phone.dial(MOBILE)
        assert stage.refused_with() == 486  # judged by the daemon, not let through in its absence
        ended = "pbxbilling_agi_sessions_total"
        until(lambda: daemon.metric(ended, ending="silent") == CONNECTS, "all are over")
        assert daemon.metric("process_resident_memory_bytes") - before < GROWTH_MOST
        for leg in (live, next_call):
            leg.hang_up()
        daemon.wait_idle()
