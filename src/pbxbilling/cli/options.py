"""Options that commands share, and moments as operators write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from pbxbilling.kernel.bounds import check_day, read_month, read_period

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def since_when(text: str, now: datetime) -> datetime:
    """Parse `10m` or `2h` (ago), `10:42` (today), a date or an instant. Raises ValueError."""
    try:
        if text[:-1].isdecimal() and text[-1:] in _UNITS:
            return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        if len(text) == 5 and text[2] == ":":
            return _today_at(text, now)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = f"{text[:40]!r}: expected 10m, 2h, 10:42, 2026-11-21 or an ISO instant"
        raise ValueError(msg) from error


def _today_at(text: str, now: datetime) -> datetime:
    """Return a time of today in the operator's time zone."""
    local = now.astimezone()
    clock = datetime.strptime(text, "%H:%M").replace(tzinfo=local.tzinfo)
    return local.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0).astimezone(
        UTC
    )


def parsed_month(text: str) -> str:
    """Parse the month of `--month`."""
    with wrong_usage("--month"):
        return read_month(text)


def parsed_period(text: str) -> str:
    """Parse the period of `--month`."""
    with wrong_usage("--month"):
        return read_period(text)


def parsed_moment(option: str, text: str) -> str | None:
    """Parse the instant of an option into ISO form; None if it was left out."""
    from pbxbilling.runtime.clock import SystemClock

    with wrong_usage(option):
        if not text:
            return None
        at = since_when(text, SystemClock().now())
        check_day(at.date())
        return at.isoformat()


@contextmanager
def wrong_usage(option: str) -> Iterator[None]:
    """Report a ValueError as wrong usage of this option: exit status 2."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


DEFAULT = Path("/etc/pbxbilling/pbxbilling.toml")


Config = Annotated[
    Path, typer.Option("-c", "--config", envvar="PBXBILLING_CONFIG", help="The configuration file.")
]


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would change, and write nothing.")
]


Reset = Annotated[
    bool, typer.Option("--reset", help="Reset keys that the file leaves out to their defaults.")
]


OneMonth = Annotated[str, typer.Option("--month", help="The month, as 2026-11.")]


AnyMonth = Annotated[
    str, typer.Option("--month", help="The month, as 2026-11; the current one by default.")
]


Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


ForTenant = Annotated[str | None, typer.Option("--tenant", help="Only this tenant.")]
