"""Log lines before they are formatted, and the rule that makes a plain one."""

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


def plain(level: int, event: str, *names: str) -> Callable[[Any, Mask], Line]:
    """Return a rule for lines with these fields of the fact; `key` is written as `leg`."""

    def line(fact: Any, mask: Mask) -> Line:  # noqa: ARG001 - the signature is fixed
        fields = {name: getattr(fact, name) for name in names}
        if "key" in fields:
            fields["leg"] = str(fields.pop("key"))
        return Line(level, event, fields)

    return line
