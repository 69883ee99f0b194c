"""Facts about statements, and about usage that other programs report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.facts import Fact


@dataclass(frozen=True, slots=True)
class StatementSaved(Fact):
    """A statement was saved: the final one of a period (`number` 0), or an interim copy.

    `total` is in minor units of `currency`. `unread` lists PBXes whose journal was not read past
    the period's end in time: calls still in it are adjusted on the next statement.
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
    """The final statement of a period could not be made; it is retried."""

    at: datetime
    tenant: str
    month: str
    error: str


@dataclass(frozen=True, slots=True)
class StatementsWait(Fact):
    """Final statements wait for these PBXes: not all of their calls in the period are known."""

    at: datetime
    pbxes: tuple[str, ...]


class UsageResult(StrEnum):
    """The outcome of a usage report from another program."""

    COUNTED = "counted"
    KNOWN = "known"  # reported before: nothing changes
    CONFLICT = "conflict"  # the reference was used for other units
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"  # the token lacks the permission, or its tenant may only read and pay
    OVERSIZED = "oversized"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"  # no such tenant, or no such meter on its plan
    NOT_KEPT = "not_kept"  # the store failed: the program must send it again


@dataclass(frozen=True, slots=True)
class UsageReceived(Fact):
    """A usage report arrived and was accepted or refused.

    `loud` is false for the second and later of many refusals in a row.
    """

    at: datetime
    result: UsageResult
    tenant: str = ""
    meter: str = ""
    units: int = 0
    reason: str = ""
    loud: bool = True
