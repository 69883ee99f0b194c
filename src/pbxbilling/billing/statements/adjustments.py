"""What a closed statement did not know: calls that came to light later, charged on the next one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pbxbilling.billing.rating.rating import RatedLeg, Rating, UsedLeg, rate
from pbxbilling.billing.statements.statement import Adjustment, Statement, adjustment_key


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
