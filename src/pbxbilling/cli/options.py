"""The options that commands share, and moments as operators write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Optional

import typer

from pbxbilling.kernel.bounds import check_day, read_month, read_period

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def since_when(text: str, now: datetime) -> datetime:
    """`10m` and `2h` ago, `10:42` of today, a date or an instant; raises ValueError."""
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
    """A time of this day, where the operator is."""
    local = now.astimezone()
    clock = datetime.strptime(text, "%H:%M").replace(tzinfo=local.tzinfo)
    return local.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0).astimezone(
        UTC
    )


def asked_month(text: str) -> str:
    """The month of `--month`."""
    with wrong_usage("--month"):
        return read_month(text)


def asked_period(text: str) -> str:
    """The period of `--month`."""
    with wrong_usage("--month"):
        return read_period(text)


def asked_moment(option: str, text: str) -> str | None:
    """The instant of an option, as ISO has it; None where it was left out."""
    from pbxbilling.runtime.clock import SystemClock

    with wrong_usage(option):
        if not text:
            return None
        at = since_when(text, SystemClock().now())
        check_day(at.date())
        return at.isoformat()


@contextmanager
def wrong_usage(option: str) -> Iterator[None]:
    """A ValueError is this option's: wrong usage, exit status 2."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


DEFAULT = Path("/etc/pbxbilling/pbxbilling.toml")


Config = Annotated[
    Path, typer.Option("-c", "--config", envvar="PBXBILLING_CONFIG", help="The configuration.")
]


Json = Annotated[bool, typer.Option("--json", help="For programs.")]


DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print.")]


Reset = Annotated[
    bool, typer.Option("--reset", help="Let what the file leaves out go to its defaults.")
]


OneMonth = Annotated[str, typer.Option("--month", help="As 2026-11.")]


AnyMonth = Annotated[str, typer.Option("--month", help="As 2026-11; the current one if not given.")]


ForTenant = Annotated[Optional[str], typer.Option("--tenant", help="Only this tenant.")]  # noqa: UP045
