"""The worker's process: `python -m pbxbilling.worker JOB PARENT`, started by the daemon.

Standard input is a file of frames with what the job is given, standard output one with what it
makes.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress

from pbxbilling.worker.frames import Frames

NICE = 5
CPU_MOST_S = 900
MEMORY_MOST = 2 << 30  # bytes of addresses; 100,000 tenants take a third
FILE_MOST = 2 << 30
LIMITS = {
    resource.RLIMIT_CPU: CPU_MOST_S,
    resource.RLIMIT_AS: MEMORY_MOST,
    resource.RLIMIT_FSIZE: FILE_MOST,
}
_OOM_SCORE = 500  # where memory runs out, the worker ends and not the daemon
_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Run one job."""
    job, parent = sys.argv[1], int(sys.argv[2])
    _end_with(parent)
    _give_way()
    from pbxbilling.worker.jobs import perform

    sys.stdout = sys.stderr
    with Frames.of(os.dup(0)) as given, Frames.of(os.dup(1)) as made:
        perform(job, given, made)


def _end_with(parent: int) -> None:
    """Have the kernel end this process when the daemon ends, however that does."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        sys.exit(1)


def _give_way() -> None:
    """Run after everything else on the machine, within bounds; a sandbox may forbid it."""
    with suppress(OSError):
        os.nice(NICE)
    for limit, most in LIMITS.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write(str(_OOM_SCORE))


if __name__ == "__main__":
    main()
