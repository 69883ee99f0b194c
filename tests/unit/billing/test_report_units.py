"""What other programs have sent is shown by meter, also what the plan no longer names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.report_units import MeterUnits, UnitReports
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.catalog.plan import Plan
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.errors import NotFoundError
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore

PLAN = Plan("pro", meters=(UnitPrice("words", 500_000, 1000, "Words"), UnitPrice("faxes", 1)))
USED = UnitsUsed("r1", "acme", "words", 1200, START)


async def test_the_units_of_a_period_are_added_up_by_meter() -> None:
    store, registry = MemoryStore(), Registry([PLAN], [Tenant("acme", "pro")])
    others = [
        replace(USED, reference="r2", units=34),
        replace(USED, reference="r3", meter="minutes", units=5),
        replace(USED, reference="r4", tenant="globex"),
        replace(USED, reference="r5", at=START - timedelta(days=40)),
    ]
    await store.commit([USED, *others])
    reports = UnitReports(store.statement_store, registry, Clock())
    now = await reports.of("acme", None)
    assert now.meters == (
        MeterUnits("faxes", "Faxes", 0),
        MeterUnits("minutes", "", 5),
        MeterUnits("words", "Words", 1234),
    )
    assert now.begins_at <= START < now.ends_at
    before = await reports.of("acme", f"{START - timedelta(days=40):%Y-%m}")
    assert [one.units for one in before.meters] == [0, 1200]
    with pytest.raises(NotFoundError):
        await reports.of("nobody", None)
