"""Numbers as accounts have them: counts, days, money as text. Each type has its bounds."""

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
    """An amount in the currency that stands before it."""
    if "currency" in info.data:  # a wrong currency is a fault of its own
        to_minor(text, info.data["currency"])
    return text


def read_rate(text: str) -> str:
    """A rate in a table of its own, of whose currency only the plan knows: see `in_currency`."""
    to_micros(text)
    return text


def read_plan_rate(text: str, info: ValidationInfo) -> str:
    """A rate in the currency that stands before it."""
    to_micros(text)
    if "currency" in info.data:
        check_rate(to_micros(text), info.data["currency"])
    return text


def read_percentage(text: str) -> str:
    """A percentage of 0 to 100."""
    to_basis_points(text)
    return text


def read_increment(text: str) -> str:
    """A billing increment of blocks of a day at the most."""
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
    """Check a rate of a table within the plan; `key` says which, for the line is the plan's."""
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
