"""Garbage collection that holds no call up.

A full collection walks over everything that lives: 160 ms for 100,000 tenants and 50,000 calls.
Nothing that the daemon makes for a call or a hook is left in a cycle (`test_garbage`), so that
reference counts free it all, and only what is young needs to be looked through.
"""

from __future__ import annotations

import gc

# The youngest are looked through by two thousand, in half a millisecond, ten times as many now and
# then; all that is not frozen about never.
THRESHOLDS = (2_000, 10, 10_000)


def put_off() -> None:
    """Collect nothing while the program, accounts and live calls are loaded.

    It would be a tenth of the time that the first takes, and a quarter of the others'.
    """
    gc.disable()


def begin() -> None:
    """Collect from now on, what is there by now left aside.

    The loading leaves less than 1 MB in cycles: not worth a walk over all the rest.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()


def set_aside() -> None:
    """What lives now will live for a while: leave it out of every collection to come."""
    gc.freeze()
