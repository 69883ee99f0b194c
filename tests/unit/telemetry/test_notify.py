"""Messages to the service manager, over both kinds of sockets, and behaviour without one."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbxbilling.telemetry.notify import Notifier
from rig.waiting import patience_s
from tests.support.daemon.supervisor import Supervisor


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(patience_s(5))
        yield listening


def test_messages_reach_a_socket_in_the_file_system(manager: socket.socket, tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    manager.bind(path)
    with Notifier({"NOTIFY_SOCKET": path}, pid=1) as notifier:
        notifier.ready("2 PBXes\nreconciled")
        notifier.alive()
        notifier.reloading(12.5)
        notifier.status("reloaded")
        notifier.stopping()
    said = [manager.recv(4096).decode() for _ in range(5)]
    assert said == [
        "READY=1\nSTATUS=2 PBXes reconciled",
        "WATCHDOG=1",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STATUS=reloaded",
        "STOPPING=1",
    ]


def test_messages_reach_an_abstract_socket(manager: socket.socket) -> None:
    manager.bind(f"\0pbxbilling-test-{os.getpid()}")
    with Notifier({"NOTIFY_SOCKET": f"@pbxbilling-test-{os.getpid()}"}, pid=1) as notifier:
        notifier.alive()
    assert manager.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("name", ["", "relative/socket", "/nowhere/at/all"])
def test_without_a_manager_nothing_happens(name: str) -> None:
    with Notifier({"NOTIFY_SOCKET": name}, pid=1) as notifier:
        notifier.ready("fine")
        notifier.alive()


@pytest.mark.parametrize(
    ("env", "interval_s"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "42"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_ping_is_due_at_half_of_the_watchdog_s_patience(
    env: dict[str, str], interval_s: float | None
) -> None:
    with Notifier({"NOTIFY_SOCKET": "/run/notify", **env}, pid=42) as notifier:
        assert notifier.watchdog_interval_s == interval_s


DAEMON = """
import os, threading
from pbxbilling.telemetry.notify import Notifier
with Notifier(os.environ, os.getpid()) as notifier:
    notifier.ready("up")
    while not threading.Event().wait(notifier.watchdog_interval_s):
        notifier.alive()
"""


async def test_a_wedged_process_is_killed_and_started_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DAEMON]
    async with Supervisor(command, watchdog_s=0.5, log=tmp_path / "log") as supervisor:
        await supervisor.ready(timeout_s=10)
        first = supervisor.pid
        os.kill(first, signal.SIGSTOP)
        await supervisor.restarted(timeout_s=10)
        assert supervisor.pid != first
        assert supervisor.restarts == 1
        assert "STATUS=up" in supervisor.messages
