"""Tells processes of this machine apart, also after their end, and those that are dead.

A process is written as its number, when it began, and what all processes share that see one
another: a boot of the machine, and a table of processes.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

PROC = Path("/proc")
# A unit with ProcSubset=pid has no /proc/sys; it sets this variable to systemd's %b.
BOOT_VARIABLE = "BOOT_ID"
_UNKNOWN = "-"
_OVER = frozenset("ZXx")  # it has ended, and nobody has asked for its status yet


def node() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


def this_process() -> str:
    """Return what tells this process from all others, of other machines too."""
    pid = os.getpid()
    return f"{pid} {_started(pid)} {_boot()} {_table()}"


def is_dead(process: str) -> bool:
    """Return whether it was a process that this one would see, and is no more.

    One of another machine, another boot or another table of processes may live.
    """
    pid, *rest = process.split(" ")
    if len(rest) != 3 or _UNKNOWN in rest or rest[1:] != [_boot(), _table()]:
        return False
    started = rest[0]
    now = _started(int(pid))
    return now != started and not (now == _UNKNOWN and _exists(int(pid)))


def _started(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; "-" if it is not seen."""
    try:
        stat = (PROC / f"{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return _UNKNOWN
    # proc_pid_stat(5): the name, in brackets, may have brackets and blanks
    state, *fields = stat.rpartition(")")[2].split()
    return "ended" if state in _OVER else fields[18]


def _exists(pid: int) -> bool:
    """Return whether there is such a process: /proc may hide those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _boot() -> str:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = os.environ.get(BOOT_VARIABLE, _UNKNOWN)
    return boot.replace("-", "") or _UNKNOWN


def _table() -> str:
    return str((PROC / "self/ns/pid").stat().st_ino)
