"""Waiting for a condition by polling, where no event announces it; how patient to be at all."""

import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

T = TypeVar("T")

_TIMES = 3  # as long as a machine needs that does nothing else: other work comes and goes
_SLOWER_MOST = 10.0
_TURNS, _TURNS_S = 2_000_000, 0.06  # what a quiet core takes for them
_PAUSE_MOST_S = 0.1  # a probe often asks a daemon, which costs both processes milliseconds


@cache
def slowness() -> float:
    """Return how many times longer this machine takes than a quiet one, from 1 to 10.

    Measured once by spinning, so it says both how fast the core is and how much of it is ours.
    """
    began = time.perf_counter()
    for _ in range(_TURNS):
        pass
    return min(_SLOWER_MOST, max(1.0, (time.perf_counter() - began) / _TURNS_S))


def patience_s(timeout_s: float) -> float:
    """Return how long to wait for what a quiet machine does within `timeout_s`.

    The limit exists so that nothing hangs, not to demand speed: other work on the machine's cores
    must fail no test.
    """
    return _TIMES * slowness() * timeout_s


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
            raise TimeoutError(f"{what}: not within {limit_s:.0f} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, _PAUSE_MOST_S)
