"""What is kept: the bases of all rows that a store writes. Each subject has its own records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.runtime.compiled import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Record:
    """A whole row, keyed as its own docstring says; writing it again changes nothing.

    It has no fields, so that a record may be frozen or not, compiled or not
    (docs/decisions/0011-a-compiled-core.md).
    """

    __slots__ = ()


@mypyc_attr(allow_interpreted_subclasses=True)
class QueuedRecord(Record):
    """A record that waits for the store in its queue, so that nobody waits for the disk."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Cursor(Record):
    """It is done until `at`; keyed by `name`."""

    name: str
    at: datetime
