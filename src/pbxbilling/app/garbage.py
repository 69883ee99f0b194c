"""Garbage collection that holds no call up.

A full collection walks over everything that lives: 160 ms for 100,000 tenants and 50,000 calls.
Nothing that the daemon makes for a call or a hook is left in a cycle (`test_garbage`), so that
reference counts free it all, and only what is young needs to be looked through.
"""

from __future__ import annotations

import gc

# The youngest are looked through by five thousand, ten times as many now and then; all that is not
# frozen about never.
THRESHOLDS = (5_000, 10, 10_000)


def begin() -> None:
    """To be called once, when the accounts and the live calls are loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def set_aside() -> None:
    """What lives now will live for a while: leave it out of every collection to come."""
    gc.freeze()
