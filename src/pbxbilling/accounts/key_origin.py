"""Who set a key of a plan or tenant last, so that a second writer never overwrites silently."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.records import Record


class AccountKind(StrEnum):
    """Whether a slug names a plan or a tenant."""

    PLAN = "plan"
    TENANT = "tenant"


class SetBy(StrEnum):
    """What set a key."""

    FILE = "file"  # an accounts file, or a CSV file of tenants
    COMMAND = "command"  # an operator at the command line
    GATEWAY = "gateway"  # the payment gateway, through a subscription
    CLOCK = "clock"  # the end of a trial or a grace window


@dataclass(frozen=True, slots=True)
class KeyOrigin(Record):
    """What set a key last, and when; keyed by `kind`, `slug` and `key`.

    `key` is a key of the accounts file. A key without such a record was set by the file.
    """

    kind: AccountKind
    slug: str
    key: str
    by: SetBy
    at: datetime
