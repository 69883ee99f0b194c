"""What happens to plans and tenants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.domain.facts import Fact
from pbxbilling.domain.standing import Status, Turn


@dataclass(frozen=True, slots=True)
class AccountsChanged(Fact):
    """Plans or tenants were changed; in force for the next call."""

    at: datetime
    actor: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class StandingChanged(Fact):
    """A tenant's standing turned, by one row of the table of transitions; in force at once.

    `actor` is who did it: a user of the machine, the gateway, or the daily check.
    """

    at: datetime
    tenant: str
    before: Status
    after: Status
    turn: Turn
    actor: str
    subscription: str | None


@dataclass(frozen=True, slots=True)
class DailyCheckDone(Fact):
    """The daily check ran: `due` tenants had turns to book, `booked` turns were.

    `notices` are sentences about tenants that an operator should look at.
    """

    at: datetime
    due: int
    booked: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DailyCheckFailed(Fact):
    """The daily check could not be done; it is tried again, and calls do not wait for it."""

    at: datetime
    error: str
