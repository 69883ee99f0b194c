"""What happened to a call in the ledger, until it is told as a fact."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from pbxbilling.domain.call import Call


class CallNews(Enum):
    """What happened to a call."""

    STARTED = auto()
    CHANGED = auto()
    ENDED = auto()


class News(NamedTuple):
    """One thing that happened to one call."""

    what: CallNews
    call: Call
    at: datetime
