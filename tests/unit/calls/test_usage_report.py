"""The usage report for operators."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.records import UsageRow
from pbxbilling.calls.usage_report import usage_reports
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.codes import LegDirection

USED = UsageRow("acme", "2026-11", LegDirection.OUTBOUND, 1, 290_000_000, 300, 300)


@pytest.mark.parametrize(("included", "overage"), [(None, 0), (0, 5), (3, 2), (9, 0)])
def test_what_is_beyond_the_included_minutes_is_overage(included: int | None, overage: int) -> None:
    registry = Registry([Plan("plan", included_minutes=included)], [Tenant("acme", "plan")])
    (report,) = usage_reports([USED], registry)
    assert report.included_minutes == (None if included is None else Decimal(included))
    assert report.overage_minutes == overage


def test_what_a_demo_tenant_uses_is_counted_and_never_overage() -> None:
    registry = Registry([Plan("plan", included_minutes=3)], [Tenant("acme", "plan", demo=True)])
    (report,) = usage_reports([USED], registry)
    assert (report.outbound_calls, report.outbound_minutes) == (1, Decimal(5))
    assert (report.included_minutes, report.overage_minutes) == (Decimal(3), Decimal(0))
