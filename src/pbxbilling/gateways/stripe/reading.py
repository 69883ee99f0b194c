"""Read single values of Stripe's objects, and name the object whose value cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pbxbilling.kernel.errors import UnreadableError

Object = Mapping[str, Any]


@contextmanager
def parsing(what: str, given: object = None) -> Iterator[None]:
    """Turn parsing errors in the body into an UnreadableError that names `what`.

    If `given`, the value being read, is an object, the error also names its id.
    """
    if isinstance(given, Mapping):
        what = f"{what} {given.get('id', '?')}"
    try:
        yield
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as fault:
        raise UnreadableError(f"{what}: {fault!r}") from fault


def identifier(given: Any) -> str | None:
    """Return an id, given as such or as the expanded object."""
    if not given:
        return None
    return str(given["id"]) if isinstance(given, Mapping) else str(given)


def maybe_instant(given: Any) -> datetime | None:
    """Parse an instant that may be missing, as None."""
    return None if given is None else instant(given)


def instant(given: Any) -> datetime:
    """Parse seconds since the epoch, or the ISO form that v2 events use."""
    if isinstance(given, str):
        return datetime.fromisoformat(given).astimezone(UTC)
    return datetime.fromtimestamp(int(given), UTC)
