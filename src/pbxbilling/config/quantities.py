"""Defines the bounded numbers of the accounts file: counts, days, money as text."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from pbxbilling.catalog.plan import BillingIncrement
from pbxbilling.kernel.bounds import COUNT_MOST, RATE_MOST_MINOR, SECONDS_MOST, check_day
from pbxbilling.kernel.money import check_rate, to_basis_points, to_micros, to_minor

_SECONDS = re.compile(r"[0-9]{1,5}")


def read_amount(text: str, info: ValidationInfo) -> str:
    """Validate an amount in the currency of the table, a field that comes before it."""
    if "currency" in info.data:  # missing if invalid, which is a separate fault
        to_minor(text, info.data["currency"])
    return text


def read_rate(text: str) -> str:
    """Validate a rate in a nested table; its currency is the plan's: see `in_currency`."""
    to_micros(text)
    return text


def read_plan_rate(text: str, info: ValidationInfo) -> str:
    """Validate a rate in the currency of the plan, a field that comes before it."""
    to_micros(text)
    if "currency" in info.data:
        check_rate(to_micros(text), info.data["currency"])
    return text


def read_percentage(text: str) -> str:
    """Validate a percentage from 0 to 100."""
    to_basis_points(text)
    return text


def read_increment(text: str) -> str:
    """Validate a billing increment, "first/step" in seconds, each a day at most."""
    first, _, step = text.partition("/")
    if _SECONDS.fullmatch(first) and _SECONDS.fullmatch(step):
        increment = BillingIncrement.parse(text)
        if max(increment.first_s, increment.step_s) <= SECONDS_MOST:
            return text
    msg = (
        f'billing increment {text[:40]!r}: expected "first/step" in whole seconds, as "60/60",'
        f" each {SECONDS_MOST} at the most"
    )
    raise ValueError(msg)


def in_currency(
    key: str, rate: str, info: ValidationInfo, per: int = 1, most: int = RATE_MOST_MINOR
) -> None:
    """Check a rate nested in a plan; `key` names it in the fault, whose line is the plan's."""
    if "currency" in info.data:
        try:
            check_rate(to_micros(rate), info.data["currency"], per, most)
        except ValueError as error:
            msg = f"{key}: {error}"
            raise ValueError(msg) from error


Limit = Annotated[int, Field(ge=-1, le=COUNT_MOST)]  # -1 is unlimited
Count = Annotated[int, Field(ge=0, le=COUNT_MOST)]
Place = Annotated[int, Field(ge=-COUNT_MOST, le=COUNT_MOST)]
Day = Annotated[date, AfterValidator(check_day)]
Amount = Annotated[str, AfterValidator(read_amount)]
Rate = Annotated[str, AfterValidator(read_rate)]
PlanRate = Annotated[str, AfterValidator(read_plan_rate)]
Percentage = Annotated[str, AfterValidator(read_percentage)]
Increment = Annotated[str, AfterValidator(read_increment)]
