"""Who set a key of a plan or tenant last: a second writer never overwrites in silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.records import Record


class AccountKind(StrEnum):
    """What a slug names."""

    PLAN = "plan"
    TENANT = "tenant"


class SetBy(StrEnum):
    """By which way a key was set."""

    FILE = "file"  # an accounts file, or a CSV file of tenants
    COMMAND = "command"  # somebody at the command line
    GATEWAY = "gateway"  # what the payment gateway says of a subscription
    CLOCK = "clock"  # a trial or a grace window that ended


@dataclass(frozen=True, slots=True)
class KeyOrigin(Record):
    """Who set a key last, and when; keyed by `kind`, `slug` and `key`.

    `key` is one of the accounts file. Where there is no such record, the file set the key.
    """

    kind: AccountKind
    slug: str
    key: str
    by: SetBy
    at: datetime
