"""Days, months and instants among a command's arguments: whoever asks, they are within bounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from pbxbilling.kernel.bounds import read_instant, read_month, read_period
from pbxbilling.web.api.command import Arguments

T = TypeVar("T")


def month(given: Arguments) -> str | None:
    """The calendar month of `month`, None where it is left out; raises ValueError."""
    return _maybe(given, "month", read_month)


def period(given: Arguments) -> str | None:
    """The period of `month`, None where it is left out; raises ValueError."""
    return _maybe(given, "month", read_period)


def instant(given: Arguments, key: str) -> datetime | None:
    """An instant in UTC, None where it is left out; raises ValueError."""
    return _maybe(given, key, read_instant)


def _maybe(given: Arguments, key: str, read: Callable[[str], T]) -> T | None:
    text = given[key]
    return read(str(text)) if text else None
