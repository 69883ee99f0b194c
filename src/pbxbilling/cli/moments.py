"""Moments as operators write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def since_when(text: str, now: datetime) -> datetime:
    """`10m` and `2h` ago, `10:42` of today, a date or an instant; raises ValueError."""
    if text[:-1].isdecimal() and text[-1:] in _UNITS:
        return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        if len(text) == 5 and text[2] == ":":
            return _today_at(text, now)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        msg = f"{text!r}: expected 10m, 2h, 10:42, 2026-11-21 or an ISO instant"
        raise ValueError(msg) from error


def _today_at(text: str, now: datetime) -> datetime:
    """A time of this day, where the operator is."""
    local = now.astimezone()
    clock = datetime.strptime(text, "%H:%M").replace(tzinfo=local.tzinfo)
    return local.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0).astimezone(
        UTC
    )


def day(text: str) -> str:
    """A day as 2026-12-31; raises ValueError."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        msg = f"{text!r}: expected a day as 2026-12-31"
        raise ValueError(msg) from error


def month(text: str) -> str:
    """A month as 2026-11; raises ValueError."""
    try:
        return f"{date.fromisoformat(f'{text}-01'):%Y-%m}"
    except ValueError as error:
        msg = f"{text!r}: expected a month as 2026-11"
        raise ValueError(msg) from error


def period_name(text: str) -> str:
    """A period: the month in which it begins, and `.2` for a second one; raises ValueError."""
    begins, dot, number = text.partition(".")
    if dot and not number.isdecimal():
        msg = f"{text!r}: expected a month as 2026-11, or 2026-11.2"
        raise ValueError(msg)
    return f"{month(begins)}{dot}{number}"


def asked_month(text: str) -> str:
    """The month of `--month`."""
    with wrong_usage("--month"):
        return month(text)


def asked_period(text: str) -> str:
    """The period of `--month`."""
    with wrong_usage("--month"):
        return period_name(text)


def asked_moment(option: str, text: str) -> str | None:
    """The instant of an option, as ISO has it; None where it was left out."""
    from pbxbilling.clock import SystemClock

    with wrong_usage(option):
        return since_when(text, SystemClock().now()).isoformat() if text else None


@contextmanager
def wrong_usage(option: str) -> Iterator[None]:
    """A ValueError is this option's: wrong usage, exit status 2."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
