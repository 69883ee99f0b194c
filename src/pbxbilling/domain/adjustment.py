"""What a closed statement did not know: calls that came to light later, charged on the next one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pbxbilling.domain.rating import RatedLeg, Rating, UsedLeg, rate
from pbxbilling.domain.statement import Adjustment, Statement, adjustment_key


def adjustment(
    closed: Statement, later: Iterable[Statement], known: Iterable[UsedLeg]
) -> Adjustment | None:
    """What the legs known now add to a closed period, by the tariffs of its own statement.

    `later` are the final statements that followed, which may have adjusted it before; `known` all
    legs of the closed period. A leg that ended otherwise than was charged is charged anew; one
    that was charged stays, also where it is known no more. The whole period is rated again, for a
    leg may push others out of the allowance. None where nothing is new; 0 for a demo.
    """
    charged = charged_legs(closed, later)
    new = {leg.id: leg for leg in known if charged.get(leg.id) != leg}
    if not new:
        return None
    before = rate(charged.values(), closed.stretches)
    now = rate((charged | new).values(), closed.stretches)
    month = closed.period.month
    return Adjustment(
        month=month,
        currency=closed.currency,
        amount=0 if closed.demo else _amount(now) - _amount(before),
        legs=tuple(_moved(rated, month) for rated in now.legs if rated.leg.id in new),
    )


def charged_legs(closed: Statement, later: Iterable[Statement]) -> dict[str, UsedLeg]:
    """The legs of a closed period as they have been charged so far, by id."""
    key = adjustment_key(closed.period.month)
    adjusted = [rated for statement in later for rated in statement.late if rated.line == key]
    return {rated.leg.id: rated.leg for rated in (*closed.legs, *adjusted)}


def _amount(rating: Rating) -> int:
    return sum(charge.amount for charge in rating.charges)


def _moved(rated: RatedLeg, month: str) -> RatedLeg:
    """The leg on the line of the adjustment instead of those of its own period."""
    return replace(rated, line=adjustment_key(month), fee_line="")
