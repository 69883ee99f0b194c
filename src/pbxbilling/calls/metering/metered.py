"""Which legs are charged by a meter event at the payment gateway."""

from __future__ import annotations

from pbxbilling.accounts.terms.registry import Terms
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.calls.live.records import LegRecord


def is_metered(leg: LegRecord, terms: Terms | None) -> bool:
    """Whether a leg that has ended is charged by an event; a demo's never is.

    It is where rating charges its minutes: in the directions that its plan includes.
    """
    if terms is None or leg.ended_at is None or terms.tenant.demo:
        return False
    way = terms.tenant.usage_collection.at(leg.ended_at)
    return way is CollectionMethod.METER_EVENTS and terms.plan.includes(leg.direction)
