"""Legs that came, or came to be known better, after their period was billed.

Each final statement keeps copies of the legs that it charged. A leg that ended in a closed period
and is on no statement as it is now makes the period be rated again, by the tariff of then; the
difference is a line of the next statement, so that together they charge what one would have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pbxbilling.billing.rating.rating import RatedLeg, Rating, UsedLeg, rate
from pbxbilling.billing.records import BilledLeg, SavedStatement
from pbxbilling.billing.statements.document import statement_from
from pbxbilling.billing.statements.statement import Adjustment, Statement, adjustment_key
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord


def adjustment(closed: Statement, known: Iterable[UsedLeg]) -> Adjustment | None:
    """What the legs known now add to a closed period, by the tariffs of its own statement.

    The legs of `closed` are those of the period as they were charged last, on whichever statement;
    `known` are those that may be new. A leg that ended otherwise than was charged is charged anew;
    one that was charged stays, also where it is known no more. The whole period is rated again,
    for a leg may push others out of the allowance. None where nothing is new; 0 for a demo.
    """
    charged = {rated.leg.id: rated.leg for rated in closed.legs}
    new = {leg.id: leg for leg in known if charged.get(leg.id) != leg}
    if not new:
        return None
    before = rate(charged.values(), closed.tariff_versions)
    now = rate((charged | new).values(), closed.tariff_versions)
    month = closed.period.month
    return Adjustment(
        month=month,
        currency=closed.currency,
        amount=0 if closed.demo else _amount(now) - _amount(before),
        legs=tuple(_moved(rated, month) for rated in now.legs if rated.leg.id in new),
    )


def _amount(rating: Rating) -> int:
    return sum(charge.amount for charge in rating.charges)


def _moved(rated: RatedLeg, month: str) -> RatedLeg:
    """The leg on the line of the adjustment instead of those of its own period."""
    return replace(rated, line=adjustment_key(month), fee_line="")


def closed_statement(saved: SavedStatement, copies: Iterable[BilledLeg]) -> Statement:
    """A saved final statement with those of the copies as its legs that are of its period."""
    own = [rated_leg(copy) for copy in copies if copy.of_month == saved.month]
    return replace(statement_from(saved.document), legs=tuple(own))


def billed_leg(tenant: str, month: str, of_month: str, rated: RatedLeg) -> BilledLeg:
    """The copy of a rated leg on the final statement of `month`."""
    used = rated.leg
    return BilledLeg(
        tenant=tenant,
        month=month,
        of_month=of_month,
        key=ChannelKey.parse(used.id),
        direction=used.direction,
        number=used.number,
        ended_at=used.ended_at,
        talk_us=used.talk_us,
        billed_s=rated.billed_s,
        included_s=rated.included_s,
        charged_s=rated.charged_s,
        rate_micros=rated.rate_micros,
        line=rated.line,
        fee_micros=rated.fee_micros,
        fee_line=rated.fee_line,
        estimated=used.estimated,
        over_limit=used.over_limit,
        emergency=used.emergency,
    )


def used_leg(copy: BilledLeg) -> UsedLeg:
    """The leg of a copy, for being rated again."""
    return UsedLeg(
        id=str(copy.key),
        direction=copy.direction,
        number=copy.number,
        ended_at=copy.ended_at,
        talk_us=copy.talk_us,
        estimated=copy.estimated,
        over_limit=copy.over_limit,
        emergency=copy.emergency,
    )


def rated_leg(copy: BilledLeg) -> RatedLeg:
    """The rated leg of a copy."""
    return RatedLeg(
        leg=used_leg(copy),
        billed_s=copy.billed_s,
        included_s=copy.included_s,
        charged_s=copy.charged_s,
        rate_micros=copy.rate_micros,
        line=copy.line,
        fee_micros=copy.fee_micros,
        fee_line=copy.fee_line,
    )


def latest(copies: Iterable[BilledLeg]) -> dict[tuple[ChannelKey, str], BilledLeg]:
    """Of each leg and period the copy on the last statement; the earlier ones come first."""
    return {(copy.key, copy.of_month): copy for copy in copies}


def adjustments(
    late: Iterable[LegRecord],
    moved: Iterable[BilledLeg],
    closed: Sequence[SavedStatement],
    copies: Iterable[BilledLeg],
) -> Iterator[Adjustment]:
    """One for each closed period that is not as it was billed, the earliest first.

    `late` are legs that ended in closed periods, `moved` copies of legs whose end turned out to
    be in another one: they are taken off. `copies` are all those of the closed periods concerned,
    in the order of `latest`.
    """
    changed: dict[str, list[UsedLeg]] = defaultdict(list)
    for copy in moved:
        changed[copy.of_month].append(replace(used_leg(copy), talk_us=0))
    for leg in late:
        home = period_of_end(closed, leg)
        if home is not None:
            changed[home.month].append(UsedLeg.of(leg))
    billed = latest(copies).values()
    for saved in closed:
        found = adjustment(closed_statement(saved, billed), changed[saved.month])
        if found is not None:
            yield found


def period_of_end(closed: Iterable[SavedStatement], leg: LegRecord) -> SavedStatement | None:
    """The closed period in which a leg ended; None where it is in none."""
    ended_at = leg.ended_at
    if ended_at is None:
        return None
    return next((saved for saved in closed if saved.begins <= ended_at < saved.ends), None)
