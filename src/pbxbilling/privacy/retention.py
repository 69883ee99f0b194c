"""How long personal data is kept: which rows are purged, and which numbers are cut, after when.

Statements and the legs on them are documents of account, which are neither purged nor cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pbxbilling.kernel.facts import Fact

UNOWNED_DAYS = 180  # for so long an answered leg may still be assigned to its tenant
# By then every period is over and has its statement, and the gateway resends no older event.
LEAST_DAYS: Mapping[str, int] = {"calls_days": 62, "events_days": 35}


class Chore(StrEnum):
    """One thing that is done to old rows. The values are labels of a counter."""

    LEGS = "legs"
    UNOWNED_LEGS = "unowned_legs"
    CALLS = "calls"
    DECISIONS = "decisions"
    AUDIT = "audit"
    EVENTS = "events"  # of the payment gateway, those that are processed
    LEG_NUMBERS = "leg_numbers"
    UNOWNED_LEG_NUMBERS = "unowned_leg_numbers"
    CALL_NUMBERS = "call_numbers"
    DECISION_NUMBERS = "decision_numbers"


CUTS = frozenset(
    {Chore.LEG_NUMBERS, Chore.UNOWNED_LEG_NUMBERS, Chore.CALL_NUMBERS, Chore.DECISION_NUMBERS}
)


class Due(NamedTuple):
    """A row that a chore applies to: its primary key, and the instant that its age counts from."""

    key: tuple[str | int, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days each kind of row is kept; 0 is for ever.

    After `numbers_days`, callers and numbers are cut (see `cut`) in rows that stay.
    """

    calls_days: int = 400
    decisions_days: int = 180
    numbers_days: int = 180
    audit_days: int = 3650
    events_days: int = 90

    def cutoffs(self, at: datetime) -> Iterator[tuple[Chore, datetime]]:
        """Yield each chore to do at `at`, with the instant before which rows are old.

        Legs come before their calls, and rows are purged before numbers are cut in those that stay.
        """
        unowned = self.calls_days and max(self.calls_days, UNOWNED_DAYS)
        unowned_numbers = self.numbers_days and max(self.numbers_days, UNOWNED_DAYS)
        days = {
            Chore.LEGS: self.calls_days,
            Chore.UNOWNED_LEGS: unowned,
            Chore.CALLS: self.calls_days,
            Chore.DECISIONS: self.decisions_days,
            Chore.AUDIT: self.audit_days,
            Chore.EVENTS: self.events_days,
            Chore.LEG_NUMBERS: self.numbers_days,
            Chore.UNOWNED_LEG_NUMBERS: unowned_numbers,
            Chore.CALL_NUMBERS: self.numbers_days,
            Chore.DECISION_NUMBERS: self.numbers_days,
        }
        for chore, kept in days.items():
            if kept:
                yield chore, at - timedelta(days=kept)


@dataclass(frozen=True, slots=True)
class Purged(Fact):
    """A purge ended: rows changed, by chore; `complete` unless its time ran out before its work."""

    at: datetime
    rows: Mapping[Chore, int] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class PurgeFailed(Fact):
    """A purge failed; what it has done stays done, and it is retried."""

    at: datetime
    error: str
