"""Facts about users, roles and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.kernel.facts import Fact


@dataclass(frozen=True, slots=True)
class TokenCreated(Fact):
    """A token was made; in force at once."""

    at: datetime
    token: str
    name: str
    tenant: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class TokenExpiring(Fact):
    """A token in force expires within two weeks; said once a day."""

    at: datetime
    token: str
    name: str
    tenant: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenCheckFailed(Fact):
    """The daily look for tokens that expire failed; it is repeated in a minute."""

    at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class TokenRevoked(Fact):
    """A token was revoked; in force at once."""

    at: datetime
    token: str
    name: str
    tenant: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class UserChanged(Fact):
    """A user was added, or changed in a way that concerns who may do what; in force at once."""

    at: datetime
    user: str
    email: str
    action: str
    tenant: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class LoginFailed(Fact):
    """Somebody did not get in; `loud`: its line is not one too many."""

    at: datetime
    email: str
    address: str
    reason: str
    loud: bool
