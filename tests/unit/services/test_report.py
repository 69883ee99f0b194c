"""What operators read about usage."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pbxbilling.domain.book import AccountBook
from pbxbilling.domain.channel import LegDirection
from pbxbilling.domain.plan import Plan
from pbxbilling.domain.records import UsageRow
from pbxbilling.domain.tenant import Tenant
from pbxbilling.services.report import usage_reports


@pytest.mark.parametrize(("included", "overage"), [(None, 0), (0, 5), (3, 2), (9, 0)])
def test_what_is_beyond_the_included_minutes_is_overage(included: int | None, overage: int) -> None:
    book = AccountBook([Plan("plan", included_minutes=included)], [Tenant("acme", "plan")])
    used = UsageRow("acme", "2026-11", LegDirection.OUTBOUND, 1, 290_000_000, 300, 300)
    (report,) = usage_reports([used], book)
    assert report.included_minutes == (None if included is None else Decimal(included))
    assert report.overage_minutes == overage
