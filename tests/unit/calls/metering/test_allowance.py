"""Ended legs draw an allowance in one step, live legs second by second."""

from __future__ import annotations

from datetime import UTC, datetime

from pbxbilling.accounts.terms.registry import Registry, Terms
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.metering.allowance import Allowances
from pbxbilling.catalog.plan import Overage, Plan

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ACME = Tenant("acme", "hard")


def terms(**changed: object) -> Terms:
    """Return terms with an allowance of two minutes that blocks when it is used up."""
    plan = Plan("hard", **({"included_minutes": 2, "overage": Overage.BLOCK} | changed))  # type: ignore[arg-type]
    found = Registry([plan], [ACME]).terms("acme")
    assert found is not None
    return found


def leg(answered_mono: float) -> Channel:
    channel = Channel(
        ChannelKey("pbx1", f"1.{answered_mono}"), "PJSIP/carrier-1", trunk=True, at=NOW, mono=0
    )
    channel.answer(NOW, answered_mono)
    return channel


def test_what_is_given_back_was_never_drawn() -> None:
    allowances = Allowances()
    allowances.book("acme", "2026-11", 61)
    assert allowances.remaining_s(terms(), NOW, 0) == 59
    allowances.book("acme", "2026-11", -61)
    assert allowances.remaining_s(terms(), NOW, 0) == 120


def test_each_month_and_tenant_has_its_own_and_nobody_has_none() -> None:
    allowances = Allowances()
    allowances.book("acme", "2026-10", 60)
    allowances.book("globex", "2026-11", 60)
    allowances.book(None, "2026-11", 60)
    assert allowances.drawn_s(ACME, NOW) == 0


def test_live_legs_draw_together_until_they_end() -> None:
    allowances, one, other = Allowances(), leg(0), leg(10)
    for each in (one, other):
        allowances.draw(each, "acme")
    assert allowances.remaining_s(terms(), NOW, 30) == 120 - 30 - 20
    allowances.undraw(one)
    assert allowances.remaining_s(terms(), NOW, 30) == 100
    allowances.undraw(other)
    allowances.undraw(other)  # a repeat is no fault
    assert not allowances.drawing


def test_an_allowance_that_is_not_hard_has_no_end() -> None:
    for soft in ({"overage": Overage.BILL}, {"included_minutes": None}):
        assert Allowances().remaining_s(terms(**soft), NOW, 0) is None
    assert Allowances().remaining_s(terms(included_minutes=0), NOW, 0) == 0
