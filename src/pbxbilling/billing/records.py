"""Records of billing: saved statements, the legs on them, and one-off lines.

A period is named by the month in which it begins (`2026-11`); a second period of the same tenant
in that month, after a change of its way of billing, is `2026-11.2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pbxbilling.billing.rating.rating import LegEnd, RatedLeg
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.records import Record

FINAL = 0  # the number of the final statement; interim copies are numbered from 1


class StatementKey(NamedTuple):
    """The key of a saved statement, in the order of lists."""

    tenant: str
    month: str
    number: int


@dataclass(frozen=True, slots=True)
class EndedPart:
    """A part of a list of legs by their ends: the `limit` that follow `after`; None is all."""

    after: LegEnd | None = None
    limit: int | None = None


ALL_ENDED = EndedPart()


class Talk(NamedTuple):
    """What a number of legs talked, in microseconds."""

    legs: int
    us: int


@dataclass(frozen=True, slots=True)
class SavedStatement(Record):
    """A saved statement, keyed by `tenant`, `month` and `number`; a second one is refused.

    Sums are in minor units of `currency`. `document` is the whole statement (JSON), with the
    tariff that it was made from; empty where it was not asked for.
    """

    tenant: str
    month: str
    number: int
    begins: datetime
    ends: datetime
    made_at: datetime
    currency: str
    net: int
    tax: int
    total: int
    document: Mapping[str, Any]

    @property
    def is_final(self) -> bool:
        """Whether it is the final statement of its period."""
        return self.number == FINAL


@dataclass(frozen=True, slots=True)
class BilledLeg(Record):
    """A leg as a final statement charged it, keyed by `key`, `month` and `of_month`.

    `month` is the statement's period; `of_month` is the period whose tariff rated the leg, an
    earlier one for a late leg, which is on the line of its adjustment.
    """

    tenant: str
    month: str
    of_month: str
    rated: RatedLeg

    @property
    def key(self) -> ChannelKey:
        """The key of its leg."""
        return self.rated.leg.key

    @property
    def end(self) -> LegEnd:
        """Its place in the order in which legs are rated."""
        return self.rated.leg.end


@dataclass(frozen=True, slots=True)
class OneOffEntry(Record):
    """A line that an operator added by hand, keyed by `tenant` and `number`.

    It belongs on the statement of `month`; `used_in` is the final statement that has it. `kind` is
    fee, discount or credit; `amount` is 0 or more, in minor units of `currency`.
    """

    tenant: str
    number: int
    month: str
    kind: str
    reason: str
    amount: int
    currency: str
    actor: str
    at: datetime
    used_in: str | None = None


@dataclass(frozen=True, slots=True)
class OneOffUsed(Record):
    """A one-off line is on a final statement, and so on no other."""

    tenant: str
    number: int
    month: str
