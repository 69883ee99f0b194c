"""What happens to the daemon itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import Fact


@dataclass(frozen=True, slots=True)
class ConfigReloaded(Fact):
    """SIGHUP was served; with `error` the last good configuration stays in force."""

    at: datetime
    mode: Mode
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TaskFailed(Fact):
    """Work in the background failed in a way that nobody foresaw; it is tried again."""

    at: datetime
    task: str
    error: str


@dataclass(frozen=True, slots=True)
class StoreFailing(Fact):
    """Writing failed and is tried again; `pending` records wait in memory."""

    at: datetime
    error: str
    pending: int


@dataclass(frozen=True, slots=True)
class StoreRecovered(Fact):
    """Writing works again."""

    at: datetime
    written: int
