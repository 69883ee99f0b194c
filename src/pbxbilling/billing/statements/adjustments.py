"""Adjust closed periods for legs that arrived or changed after the period was billed.

Each final statement keeps copies of the legs that it charged. If a leg ended in a closed period
and no statement has it in its current form, the period is rated again by its own tariff. The
difference is a line on the next statement, so that together they charge what one would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pbxbilling.billing.rating.rating import RatedLeg, Rating, UsedLeg, rate
from pbxbilling.billing.records import BilledLeg, SavedStatement
from pbxbilling.billing.statements.document import statement_from
from pbxbilling.billing.statements.material import ChangedPeriod, latest
from pbxbilling.billing.statements.statement import Adjustment, Statement, adjustment_key


def adjustment(closed: Statement, known: Iterable[UsedLeg]) -> Adjustment | None:
    """Return what late or changed legs add to a closed period, by its own statement's tariffs.

    The legs of `closed` are those of the period as last charged, on any statement; `known` are
    those that may be new. A leg that differs from what was charged is charged anew; a charged leg
    stays, even where its record is gone. The whole period is rated again, since a leg may push
    others out of the allowance. None: nothing is new. The amount is 0 for a demo.
    """
    charged = {rated.leg.key: rated.leg for rated in closed.legs}
    new = {leg.key: leg for leg in known if charged.get(leg.key) != leg}
    if not new:
        return None
    before = rate(charged.values(), closed.tariff_versions)
    now = rate((charged | new).values(), closed.tariff_versions)
    month = closed.period.month
    return Adjustment(
        month=month,
        currency=closed.currency,
        amount=0 if closed.demo else _amount(now) - _amount(before),
        legs=tuple(_moved(rated, month) for rated in now.legs if rated.leg.key in new),
    )


def _amount(rating: Rating) -> int:
    return sum(charge.amount for charge in rating.charges)


def _moved(rated: RatedLeg, month: str) -> RatedLeg:
    """Return the leg on the adjustment's line instead of its own period's lines."""
    return replace(rated, line=adjustment_key(month), fee_line="")


def closed_statement(saved: SavedStatement, copies: Iterable[BilledLeg]) -> Statement:
    """Build a statement from a saved final one and the copies of legs that are of its period."""
    own = [copy.rated for copy in copies if copy.of_month == saved.month]
    return replace(statement_from(saved.document), legs=tuple(own))


def adjustments(changed: Iterable[ChangedPeriod]) -> Iterator[Adjustment]:
    """Yield an adjustment for each closed period that differs from what was billed, in order.

    A leg that left a period is rated there with no seconds.
    """
    for period in changed:
        closed = closed_statement(period.final, latest(period.copies))
        left = (replace(copy.rated.leg, talk_us=0) for copy in period.left)
        found = adjustment(closed, (*left, *map(UsedLeg.of, period.late)))
        if found is not None:
            yield found
