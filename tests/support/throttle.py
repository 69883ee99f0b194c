"""A process that gets a small share of its core: a test can bring it more than it can do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP

_GO_S = 0.001
_STOP_S = 0.039


@contextmanager
def throttled(pid: int) -> Iterator[None]:
    """While in force the process runs for a fortieth of the time, a millisecond at once.

    By signals, which need no right over the machine. Other work on the core makes the share
    smaller: measure what it carries while it is throttled, do not assume it.
    """
    over = threading.Event()

    def pulse() -> None:
        while True:
            os.kill(pid, SIGSTOP)
            stopped = over.wait(_STOP_S)
            os.kill(pid, SIGCONT)
            if stopped or over.wait(_GO_S):
                return

    thread = threading.Thread(target=pulse, name="throttle")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
