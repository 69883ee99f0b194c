"""Billing records to write into a store, with irrelevant fields filled in."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from pbxbilling.billing.rating.rating import RatedLeg, UsedLeg
from pbxbilling.billing.records import BilledLeg, OneOffEntry, SavedStatement
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.kernel.codes import LegDirection

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
_PART_OF = {
    field.name: part
    for part, kind in (("billed", BilledLeg), ("rated", RatedLeg), ("leg", UsedLeg))
    for field in fields(kind)
}


def saved(month: str = "2026-11", number: int = 0, **changed: Any) -> SavedStatement:
    """Return a statement of acme."""
    fields: dict[str, Any] = {
        "tenant": "acme",
        "begins": NOVEMBER,
        "ends": DECEMBER,
        "made_at": DECEMBER,
        "currency": "EUR",
        "net": 100,
        "tax": 19,
        "total": 119,
        "document": {"lines": [{"text": "Grün", "amount": "1.00"}], "notices": []},
    }
    return SavedStatement(month=month, number=number, **(fields | changed))


def billed(uniqueid: str = "1.1", **changed: Any) -> BilledLeg:
    """Return a minute of acme on the statement of November; `changed` names fields at any depth."""
    parts: dict[str, dict[str, Any]] = {
        "billed": {"tenant": "acme", "month": "2026-11", "of_month": "2026-11"},
        "rated": {
            "billed_s": 60,
            "charged_s": 60,
            "rate_micros": 500_000,
            "line": "overage:500000",
        },
        "leg": {
            "key": ChannelKey("main", uniqueid),
            "direction": LegDirection.OUTBOUND,
            "number": "15550100",
            "ended_at": NOVEMBER,
            "talk_us": 60_000_000,
        },
    }
    for name, value in changed.items():
        parts[_PART_OF[name]][name] = value
    return BilledLeg(
        **parts["billed"], rated=RatedLeg(**parts["rated"], leg=UsedLeg(**parts["leg"]))
    )


def copy_of(one: LegRecord, **changed: object) -> BilledLeg:
    """Return the copy of a leg that a final statement holds."""
    fields = {"ended_at": one.ended_at, "talk_us": one.talk_us, "direction": one.direction}
    return billed(one.key.uniqueid, **(fields | changed))


def one_off(number: int = 1, **changed: Any) -> OneOffEntry:
    """Return a discount of one euro for acme in November."""
    fields: dict[str, Any] = {
        "tenant": "acme",
        "month": "2026-11",
        "kind": "discount",
        "reason": "for the wait",
        "amount": 100,
        "currency": "EUR",
        "actor": "root",
        "at": NOVEMBER,
    }
    return OneOffEntry(number=number, **(fields | changed))
