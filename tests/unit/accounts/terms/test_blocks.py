"""Blockers of a tenant: they add up, each is named, and lifting one lifts only that one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.tenant_reports import TenantReport
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.kernel.codes import Mode
from tests.support.accounts.administration import administrations
from tests.support.calls.world import World
from tests.support.kernel.actors import named
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import ended_leg

OPERATOR, TRIAL, SUBSCRIPTION, ALLOWANCE = (
    Blocker.OPERATOR,
    Blocker.TRIAL,
    Blocker.SUBSCRIPTION,
    Blocker.ALLOWANCE,
)
ACME = Tenant("acme", "hard")
HARD = Plan("hard", included_minutes=1, overage=Overage.BLOCK)
LONG_AGO = START - timedelta(days=20)


class Office:
    """Administration of one tenant without a daemon."""

    def __init__(self, tenant: Tenant = ACME, mode: Mode = Mode.ENFORCE) -> None:
        self.store = MemoryStore()
        self.registry = Registry([HARD], [tenant])
        clock = Clock()
        writer = AccountWriter(self.store, self.registry, clock, lambda _fact: None, asyncio.Lock())
        self.desk, self.calls = administrations(self.store, writer, clock, Policy(mode=mode))

    async def use_up(self) -> None:
        await self.store.commit([ended_leg()])

    async def report(self) -> TenantReport:
        (report,) = await self.calls.tenants(None, 1000)
        assert (await self.calls.tenant("acme")).tenant == report
        return report


async def test_blocks_add_up_and_each_says_why() -> None:
    office = Office(
        replace(ACME, status=Status.TRIAL, trial_until=LONG_AGO, blocks=frozenset({OPERATOR}))
    )
    await office.use_up()
    report = await office.report()
    assert (report.status, report.blocks) == (Status.SUSPENDED, (ALLOWANCE, OPERATOR, TRIAL))
    assert "1 minutes of plan hard are used up: no outbound" in report.block_reasons[ALLOWANCE]
    assert "begins on 2026-12-01" in report.block_reasons[ALLOWANCE]
    assert "`tenant activate acme` lifts it" in report.block_reasons[OPERATOR]
    assert "trial until 2026-11-01, and its grace is over" in report.block_reasons[TRIAL]


async def test_activate_lifts_the_operators_block_alone_and_names_what_still_holds() -> None:
    office = Office(
        replace(ACME, status=Status.TRIAL, trial_until=LONG_AGO, blocks=frozenset({OPERATOR}))
    )
    await office.use_up()
    done = await office.desk.activate("acme", named("root"))
    after = await office.calls.reports.report(done.tenant)
    assert (after.status, after.blocks) == (Status.READ_ONLY, (ALLOWANCE, TRIAL))
    assert [note.partition(":")[0] for note in done.notes] == [
        "acme is still blocked by allowance",
        "acme is still blocked by trial",
    ]
    assert office.registry.tenants["acme"].status is Status.TRIAL


@pytest.mark.parametrize(
    ("days", "status", "blocks"),
    [(-1, Status.TRIAL, ()), (6, Status.GRACE_PERIOD, ()), (7, Status.READ_ONLY, (TRIAL,))],
)
async def test_what_is_shown_is_the_status_of_the_moment_booked_or_not(
    days: int, status: Status, blocks: tuple[Blocker, ...]
) -> None:
    office = Office(replace(ACME, status=Status.TRIAL, trial_until=START - timedelta(days=days)))
    report = await office.report()
    assert (report.status, report.blocks) == (status, blocks)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.READ_ONLY, Status.INCOMPLETE])
async def test_only_a_tenant_linked_to_a_subscription_is_blocked_by_one(status: Status) -> None:
    linked = await Office(
        replace(ACME, status=status, status_since=LONG_AGO, subscription="sub_1")
    ).report()
    assert linked.blocks == (SUBSCRIPTION,)
    reason = f"{status} since 2026-11-01, by subscription sub_1: no outbound calls"
    assert linked.block_reasons[SUBSCRIPTION].startswith(reason)
    declared = await Office(replace(ACME, status=status)).report()
    assert declared.blocks == (OPERATOR,)
    assert "set by an operator" in declared.block_reasons[OPERATOR]


async def test_a_status_that_an_operator_set_is_named_beside_the_block() -> None:
    office = Office(replace(ACME, status=Status.CANCELLED, blocks=frozenset({OPERATOR})))
    (why,) = (await office.report()).block_reasons.values()
    assert "suspended" in why
    assert "cancelled" in why
    (note,) = (await office.desk.activate("acme", named("root"))).notes
    assert "cancelled" in note
    assert "suspended" not in note


async def test_nobody_holds_a_tenant_that_may_call() -> None:
    for tenant in (ACME, replace(ACME, demo=True, status=Status.CANCELLED)):
        office = Office(tenant)
        assert (await office.report()).blocks == ()
        assert (await office.desk.activate("acme", named("root"))).notes == ()


@pytest.mark.parametrize(
    ("daemons", "own", "noted"),
    [
        (Mode.OFF, None, "mode off"),
        (Mode.LOG, None, "mode log"),
        (Mode.ENFORCE, None, ""),
        (Mode.ENFORCE, Mode.LOG, "mode log"),
        (Mode.ENFORCE, Mode.OFF, "mode off"),
        (Mode.OFF, Mode.ENFORCE, ""),
    ],
)
async def test_suspending_says_that_calls_still_pass_where_the_mode_lets_them(
    daemons: Mode, own: Mode | None, noted: str
) -> None:
    notes = (
        await Office(replace(ACME, mode=own), daemons).desk.suspend("acme", named("root"))
    ).notes
    assert len(notes) == bool(noted)
    assert all(f"{noted} applies to acme: its calls still pass" in note for note in notes)
    world = World(daemons, HARD)
    world.in_force.registry.put_tenant(replace(ACME, mode=own, blocks=frozenset({OPERATOR})))
    assert world.hook("1").admit is bool(noted)


async def test_a_trial_ends_at_an_instant_that_is_the_same_after_a_restart() -> None:
    office = Office(replace(ACME, timezone="Europe/Berlin"))
    await office.desk.trial("acme", date(2027, 3, 27), named("root"))  # clocks change on the 28th
    tenant = office.registry.tenants["acme"]
    until = tenant.granted_until(1)
    assert until is not None
    assert f"{until:%Y-%m-%dT%H:%M%z}" == "2027-03-28T23:00+0000"
