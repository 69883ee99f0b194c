"""Log lines before they are formatted, and how they show numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

LEVEL_NAMES = {
    level: logging.getLevelName(level).lower() for level in (DEBUG, INFO, WARNING, ERROR)
}

Mask = Callable[[str], str]


class Line(NamedTuple):
    """A log line before it is formatted: level (of `logging`), event, fields."""

    level: int
    event: str
    fields: dict[str, Any]


def masked(number: str) -> str:
    """Mask a number: show its last three digits, two of a short one."""
    if len(number) > 6:
        return "***" + number[-3:]
    return "***" + number[-2:] if len(number) > 2 else number and "***"


def in_full(number: str) -> str:
    """Return the number unmasked, for level debug."""
    return number
