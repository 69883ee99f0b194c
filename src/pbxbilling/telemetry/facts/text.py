"""Log lines as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from pbxbilling.telemetry.facts.line import LEVEL_NAMES, Line


def line_as_json(line: Line, at: datetime) -> bytes:
    """Return the line of a fact of the instant `at`."""
    head = {"event": line.event, "level": LEVEL_NAMES[line.level], "timestamp": at}
    return as_json(head | line.fields)


def as_json(event: Mapping[str, Any]) -> bytes:
    """Return one line; a lone surrogate, from bytes that were no text, is escaped."""
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        plain = {key: _printable(value) for key, value in event.items()}
        return orjson.dumps(plain, default=str, option=orjson.OPT_APPEND_NEWLINE)


def _printable(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.encode(errors="backslashreplace").decode()
