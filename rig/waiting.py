"""Waiting for a condition that nobody announces."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(probe: Callable[[], T | None], what: str, timeout_s: float = 10.0) -> T:
    """The first true value of `probe`, asked every 10 ms.

    Raises TimeoutError that names `what` was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.01)
