"""Waiting for a condition by polling, where no event announces it."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_SLOWNESS = 3


def patience_s(timeout_s: float) -> float:
    """Return how long to wait for what a quiet machine does within `timeout_s`.

    The limit exists so that nothing hangs, not to demand speed: other work on the machine's cores
    must fail no test.
    """
    return _SLOWNESS * timeout_s


def until(probe: Callable[[], T | None], what: str, timeout_s: float = 10.0) -> T:
    """Return the first true value of `probe`, polled every 10 ms.

    Raises TimeoutError, which names `what` was waited for.
    """
    limit_s = patience_s(timeout_s)
    deadline = time.monotonic() + limit_s
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_s:g} s")
        time.sleep(0.01)
