"""Throttles a process to a small share of its core, so that a test can overload it."""

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
    """Let the process run for a fortieth of the time, a millisecond at once, until the end.

    It uses signals, which need no privileges. Other work on the core makes the share smaller:
    measure what the process handles while throttled, do not assume it.
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
