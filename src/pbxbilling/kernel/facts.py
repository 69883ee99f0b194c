"""Facts are what happened: the core emits them; sinks make log lines, counters and messages.

One fact is at most one log line, and one counter. Each subject defines its own facts; this module
has their base classes and the facts of the daemon itself.
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

    The base has no fields, so that a fact may be frozen or not, compiled or not
    (docs/decisions/0011-a-compiled-core.md).
    """

    __slots__ = ()


@mypyc_attr(allow_interpreted_subclasses=True)
class QueuedFact(Fact):
    """A fact that no writer commits: what follows from it waits in the store's queue.

    Facts about live calls and the daemon itself are published as they happen; a writer publishes
    all other facts after it has committed what they report.
    """

    __slots__ = ()


def instant_of(fact: Any) -> datetime:
    """Return `at` of a fact; the base cannot declare the field, which would give it a default."""
    at: datetime = fact.at
    return at


@dataclass(frozen=True, slots=True)
class ConfigReloaded(QueuedFact):
    """SIGHUP was handled; with `error` the last good configuration stays in force.

    `before` is the mode that was in force until then.
    """

    at: datetime
    mode: Mode
    error: str | None = None
    before: Mode | None = None


@dataclass(frozen=True, slots=True)
class TaskFailed(QueuedFact):
    """A background task failed with an unforeseen error; it will be retried."""

    at: datetime
    task: str
    error: str


@dataclass(frozen=True, slots=True)
class StoreFailing(QueuedFact):
    """A write to the store failed and is retried; `pending` records wait in memory."""

    at: datetime
    error: str
    pending: int


@dataclass(frozen=True, slots=True)
class StoreRecovered(QueuedFact):
    """Writes to the store work again."""

    at: datetime
    written: int
