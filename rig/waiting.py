"""Waiting for a condition by polling, where no event announces it."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_SLOWNESS = 3
_PAUSE_MOST_S = 0.1  # a probe often asks a daemon, which costs both processes milliseconds


def patience_s(timeout_s: float) -> float:
    """Return how long to wait for what a quiet machine does within `timeout_s`.

    The limit exists so that nothing hangs, not to demand speed: other work on the machine's cores
    must fail no test.
    """
    return _SLOWNESS * timeout_s


def until(probe: Callable[[], T | None], what: str, timeout_s: float = 10.0) -> T:
    """Return the first true value of `probe`, polled after 10 ms at first, then ever less often.

    Raises TimeoutError, which names `what` was waited for.
    """
    limit_s = patience_s(timeout_s)
    deadline, pause_s = time.monotonic() + limit_s, 0.01
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_s:g} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, _PAUSE_MOST_S)
