"""How far something has come that is done in order, or once in a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class Cursor(Record):
    """It is done until `at`; keyed by `name`."""

    name: str
    at: datetime
