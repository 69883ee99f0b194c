"""The daily check records what the clock has ended: once, step by step, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.subscriptions.daily_check import CURSOR, DailyCheck
from pbxbilling.subscriptions.facts import DailyCheckDone
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.subscriptions.records import subscription

GRACE_DAYS = 7
AT_NOON = DailyHour(time(12), "UTC")  # START is noon
ACME = Tenant("acme", "p", status=Status.TRIAL, trial_until=START - timedelta(days=1))
LATE = replace(ACME, slug="late", trial_until=START - timedelta(days=20))
DUE = Tenant(
    "due",
    "p",
    status=Status.PAST_DUE,
    status_since=START - timedelta(days=8),
    subscription="sub_1",
)


class Office:
    def __init__(self, *tenants: Tenant, plan: Plan = Plan("p")) -> None:  # noqa: B008 - frozen
        self.store, self.clock = MemoryStore(), Clock()
        self.facts: list[Fact] = []
        self.registry = Registry([plan], tenants)
        writer = AccountWriter(
            self.store, self.registry, self.clock, self.facts.append, asyncio.Lock()
        )
        self.check = DailyCheck(
            writer,
            self.store.subscription_store,
            self.store,
            self.clock,
            InForce(Policy(grace_days=GRACE_DAYS), self.registry),
        )

    def days(self, number: float) -> datetime:
        """Let days pass; return the new instant."""
        self.clock.passed_s += number * 86400
        return self.clock.now()

    @property
    def transitions(self) -> Sequence[tuple[str, Transition, Status, Status]]:
        return [
            (f.tenant, f.transition, f.before, f.after)
            for f in self.facts
            if isinstance(f, StatusChanged)
        ]


async def test_a_trial_that_ended_waits_in_its_grace_window() -> None:
    office = Office(ACME)
    await office.check.run()
    booked = office.registry.tenants["acme"]
    assert (booked.status, booked.status_since) == (Status.GRACE_PERIOD, ACME.trial_until)
    assert office.transitions == [
        ("acme", Transition.TRIAL_ENDED, Status.TRIAL, Status.GRACE_PERIOD)
    ]
    (row,) = office.store.audited
    assert (row.actor, row.action, row.subject) == ("daily check", "daily check", "tenant acme")
    assert row.after is not None
    assert row.after["status_since"] == "2026-11-20T12:00:00+00:00"


async def test_a_window_that_is_over_too_is_a_second_step_since_its_own_instant() -> None:
    office = Office(LATE)
    await office.check.run()
    booked = office.registry.tenants["late"]
    assert (booked.status, booked.status_since) == (
        Status.READ_ONLY,
        START - timedelta(days=20 - GRACE_DAYS),
    )
    assert office.store.tenants["late"] == booked
    assert [transition for _, transition, *_ in office.transitions] == [
        Transition.TRIAL_ENDED,
        Transition.GRACE_ENDED,
    ]
    assert len(office.store.audited) == 2


async def test_the_window_after_a_missed_payment_closes_too() -> None:
    office = Office(DUE)
    await office.check.run()
    assert office.transitions == [
        ("due", Transition.GRACE_ENDED, Status.PAST_DUE, Status.READ_ONLY)
    ]


@pytest.mark.parametrize(
    "tenant",
    [
        replace(ACME, demo=True),
        replace(ACME, subscription="sub_1"),
        replace(ACME, trial_until=START + timedelta(seconds=1)),
        replace(DUE, status_since=START - timedelta(days=6.9)),
        Tenant("acme", "p", status=Status.CANCELLED),
    ],
    ids=["demo", "the gateway's trial", "still on trial", "in its window", "over already"],
)
async def test_what_has_not_ended_is_left_alone(tenant: Tenant) -> None:
    office = Office(tenant)
    await office.check.run()
    assert office.transitions == []
    assert office.registry.tenants[tenant.slug] == tenant


async def test_an_operators_block_stays_in_front_of_what_is_booked() -> None:
    office = Office(replace(ACME, blocks=frozenset({Blocker.OPERATOR})))
    await office.check.run()
    booked = office.registry.tenants["acme"]
    assert (booked.status, booked.blocks) == (Status.GRACE_PERIOD, frozenset({Blocker.OPERATOR}))


async def test_it_is_booked_once_and_told_what_was_done() -> None:
    office = Office(ACME, LATE, DUE)
    report = await office.check.run()
    assert [(transition.tenant, transition.transition) for transition in report.transitions] == [
        ("acme", Transition.TRIAL_ENDED),
        ("late", Transition.TRIAL_ENDED),
        ("late", Transition.GRACE_ENDED),
        ("due", Transition.GRACE_ENDED),
    ]
    assert (report.last, report.booked) == (None, True)
    assert office.facts[-1] == DailyCheckDone(START, 3, 4)
    again = await office.check.run()
    assert (again.transitions, again.last) == ((), START)
    assert len(office.store.audited) == 4


async def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    office = Office(ACME, LATE, DUE)
    dry = await office.check.run(dry_run=True)
    assert (office.facts, office.store.commits) == ([], [])
    assert await office.check.is_due(AT_NOON)
    assert replace(dry, booked=True) == await office.check.run()


async def test_it_is_due_once_a_day_and_after_a_night_that_was_slept_through() -> None:
    office = Office()
    assert await office.check.is_due(AT_NOON)  # it never ran
    await office.check.run()
    assert not await office.check.is_due(AT_NOON)
    office.days(0.99)
    assert not await office.check.is_due(AT_NOON)
    office.days(0.01)
    assert await office.check.is_due(AT_NOON)
    office.days(3.5)
    assert await office.check.is_due(AT_NOON)
    await office.check.run()
    assert not await office.check.is_due(AT_NOON)
    office.days(0.5)
    assert await office.check.is_due(AT_NOON)


async def test_what_could_not_be_kept_is_due_again_and_not_in_force() -> None:
    office = Office(ACME)
    office.store.fault = StoreError("full")
    with pytest.raises(StoreError):
        await office.check.run()
    assert (office.facts, office.registry.tenants["acme"]) == ([], ACME)
    assert await office.check.is_due(AT_NOON)
    office.store.fault = None
    await office.check.run()
    assert len(office.transitions) == 1
    assert office.store.cursors[CURSOR] == START


async def test_a_deactivated_plan_is_named_when_its_tenants_period_is_renewed() -> None:
    office = Office(Tenant("loyal", "p"), plan=Plan("p", active=False))
    assert (await office.check.run()).notices == ()
    office.days(9)  # the 30th
    assert (await office.check.run()).notices == ()
    office.days(1)
    (notice,) = (await office.check.run()).notices
    assert notice.startswith(
        "tenant loyal: its period was renewed on 2026-12-01 with plan p, which"
    )
    assert office.facts[-1] == DailyCheckDone(office.clock.now(), 0, 0, (notice,))
    office.days(1)
    assert (await office.check.run()).notices == ()


async def test_a_subscription_is_renewed_when_the_gateway_says_so() -> None:
    office = Office(Tenant("loyal", "p", subscription="sub_1"), plan=Plan("p", active=False))
    mirrored = subscription(period_start=START - timedelta(days=3))
    office.store.subscription_store.put(mirrored)
    assert (await office.check.run()).notices == ()
    renewed = office.days(1)
    office.store.subscription_store.put(replace(mirrored, period_start=renewed))
    (notice,) = (await office.check.run()).notices
    assert "renewed on 2026-11-22 with plan p" in notice


async def test_an_active_plan_is_nobodys_notice() -> None:
    office = Office(Tenant("loyal", "p"))
    await office.check.run()
    office.days(10)
    assert (await office.check.run()).notices == ()
