"""Log lines as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from pbxbilling.kernel.text import escaped
from pbxbilling.telemetry.facts.line import LEVEL_NAMES, Line


def line_as_json(line: Line, at: datetime) -> bytes:
    """Return the line of a fact of the instant `at`."""
    head = {"event": line.event, "level": LEVEL_NAMES[line.level], "timestamp": at}
    return as_json(head | line.fields)


def as_json(event: Mapping[str, Any]) -> bytes:
    """Return one line, with escapes for what is not printed.

    A lone surrogate, from bytes that were no text, is written as text.
    """
    try:
        return escaped(orjson.dumps(event, default=str, option=orjson.OPT_APPEND_NEWLINE))
    except TypeError:
        plain = {key: _encodable(value) for key, value in event.items()}
        return escaped(orjson.dumps(plain, default=str, option=orjson.OPT_APPEND_NEWLINE))


def _encodable(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.encode(errors="backslashreplace").decode()
