"""An allowance and its usage follow the tenant's own billing period."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.calls.live.records import PbxMark
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.daemon.startup_state import StartupState
from pbxbilling.kernel.codes import Mode
from tests.support.calls.world import World
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import call, ended_leg

HARD = Plan("plan", included_minutes=1, overage=Overage.BLOCK)
UNTIL_BERLINS_22ND = 11 * 3600  # from noon of the 21st, UTC
ANCHORED = Tenant("acme", "plan", timezone="Europe/Berlin", anchor_day=22)


def anchored() -> World:
    """Return a world at noon of the 21st: a hard allowance of a minute that renews on the 22nd."""
    world = World(Mode.ENFORCE, HARD)
    world.in_force.registry.put_tenant(ANCHORED)
    return world


def talks(world: World, seconds: float) -> None:
    leg = world.seen("1", "PJSIP/carrier-1", state=0)
    world.hook("a1")
    world.dials(world.seen("a1"), leg)
    world.answers(leg)
    world.clock.passed_s += seconds
    world.hangs_up(leg)


def test_an_allowance_is_renewed_on_the_anchor_day_where_the_tenant_is() -> None:
    world = anchored()
    talks(world, 60)
    world.clock.passed_s = UNTIL_BERLINS_22ND - 1
    assert not world.hook("2").admit
    world.clock.passed_s = UNTIL_BERLINS_22ND
    assert world.hook("3").admit


def test_a_leg_belongs_to_the_period_of_its_end() -> None:
    world = anchored()
    world.clock.passed_s = UNTIL_BERLINS_22ND - 30
    talks(world, 60)
    assert not world.hook("2").admit


async def kept(month: str) -> MemoryStore:
    store = MemoryStore()
    await store.commit([HARD, ANCHORED, ended_leg(month=month)])
    return store


async def test_a_start_goes_on_with_the_usage_of_a_period_that_began_last_month() -> None:
    startup = await StartupState.read(await kept("2026-10"), START, "UTC")
    assert [(row.tenant, row.month) for row in startup.usage] == [("acme", "2026-10")]


@pytest.mark.parametrize(
    "wrong", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)]
)
async def test_a_start_before_the_clock_is_set_gives_no_allowance_back(wrong: datetime) -> None:
    store = await kept("2026-10")
    merged = call("c2", merged_into="c1", started_at=START, ended_at=START)
    await store.commit([merged, PbxMark("pbx1", START)])
    startup = await StartupState.read(store, wrong, "UTC")
    assert [(row.tenant, row.month) for row in startup.usage] == [("acme", "2026-10")]
    assert startup.merges == {"c2": "c1"}


async def test_usage_is_reported_by_the_period_that_runs() -> None:
    store = await kept("2026-10")
    registry = Registry([HARD], [ANCHORED, Tenant("by-month", "plan")])
    writer = AccountWriter(store, registry, Clock(), lambda _fact: None, asyncio.Lock())
    in_force = InForce(Policy(), registry)
    reports = await CallAdministration(store, store, writer, Clock(), in_force).usage.report(
        None, None
    )
    assert [(r.tenant, r.month, r.outbound_calls) for r in reports] == [
        ("acme", "2026-10", 1),
        ("by-month", "2026-11", 0),
    ]
    assert (reports[0].begins_at, reports[0].ends_at) == (
        datetime(2026, 10, 21, 22, tzinfo=UTC),
        datetime(2026, 11, 21, 23, tzinfo=UTC),
    )
