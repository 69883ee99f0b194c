"""What happens to periods, statements and the units that other programs count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.facts import Fact


@dataclass(frozen=True, slots=True)
class StatementSaved(Fact):
    """A statement was saved: the final one of a period (`number` 0), or an interim copy.

    `total` is in minor units of `currency`. `unread` are PBXes whose journal could not be read
    past the period's end in time: calls that it may hold are adjusted on the next statement.
    """

    at: datetime
    tenant: str
    month: str
    number: int
    currency: str
    total: int
    legs: int
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatementFailed(Fact):
    """The final statement of a period cannot be made as things stand; it is tried again."""

    at: datetime
    tenant: str
    month: str
    error: str


@dataclass(frozen=True, slots=True)
class StatementsWait(Fact):
    """Final statements wait for these PBXes: their calls are not known past a period's end."""

    at: datetime
    pbxes: tuple[str, ...]


class UsageResult(StrEnum):
    """What became of units that another program told."""

    COUNTED = "counted"
    KNOWN = "known"  # told before: nothing changes
    CONFLICT = "conflict"  # the reference stands for other units
    UNAUTHORIZED = "unauthorized"
    OVERSIZED = "oversized"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"  # no such tenant, or no such meter on its plan
    NOT_KEPT = "not_kept"  # the store failed: the program is to send it again


@dataclass(frozen=True, slots=True)
class UsageReceived(Fact):
    """Another program told of usage, or somebody tried to.

    `loud` is false for the second and later of many refusals in a row.
    """

    at: datetime
    result: UsageResult
    tenant: str = ""
    meter: str = ""
    units: int = 0
    reason: str = ""
    loud: bool = True
