"""How a process beside another one behaves: it gives way, within bounds, and ends with it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

NICE: Final = 5
MEMORY_MOST: Final = 2 << 30  # bytes of addresses; 100,000 tenants take a third
_MEMORY: Final = {resource.RLIMIT_AS: MEMORY_MOST}
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_OOM_SCORE: Final = 500  # where memory runs out, it ends and not the daemon


def give_way(limits: Mapping[int, int] = _MEMORY) -> None:
    """Do so for this process; a sandbox may forbid it."""
    with suppress(OSError):
        os.nice(NICE)
    for limit, most in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write(str(_OOM_SCORE))


def end_with(parent: int) -> None:
    """Have the kernel end this process when the daemon ends, however that does."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        sys.exit(1)
