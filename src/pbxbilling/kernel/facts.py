"""What happened: the core emits facts, the sinks make lines, counters and messages of them.

One fact, one log line, one counter. Each subject has its own facts; here is what they share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pbxbilling.kernel.codes import Mode
from pbxbilling.runtime.compiled import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Fact:
    """The base of all facts: dataclasses whose first field is `at`, an aware instant in UTC.

    It has no fields, so that a fact may be frozen or not, compiled or not
    (docs/decisions/0011-a-compiled-core.md).
    """

    __slots__ = ()


@mypyc_attr(allow_interpreted_subclasses=True)
class QueuedFact(Fact):
    """A fact that no writer commits: what follows from it waits in the store's queue.

    What happens to live calls and to the daemon itself is told as it happens; all other facts are
    published by whoever has committed what they tell.
    """

    __slots__ = ()


def instant_of(fact: Any) -> datetime:
    """Return `at` of a fact; a base that declared the field would give it a default."""
    at: datetime = fact.at
    return at


@dataclass(frozen=True, slots=True)
class ConfigReloaded(QueuedFact):
    """SIGHUP was served; with `error` the last good configuration stays in force."""

    at: datetime
    mode: Mode
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TaskFailed(QueuedFact):
    """Work in the background failed in a way that nobody foresaw; it is tried again."""

    at: datetime
    task: str
    error: str


@dataclass(frozen=True, slots=True)
class StoreFailing(QueuedFact):
    """Writing failed and is tried again; `pending` records wait in memory."""

    at: datetime
    error: str
    pending: int


@dataclass(frozen=True, slots=True)
class StoreRecovered(QueuedFact):
    """Writing works again."""

    at: datetime
    written: int
