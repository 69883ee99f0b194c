"""Changes of accounts: durable, audited, in force and published; or none of these."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore

ACME = Tenant("acme", "p", status=Status.TRIAL)


class Office:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.facts: list[Fact] = []
        self.registry = Registry([Plan("p")], [ACME])
        self.writer = AccountWriter(
            self.store, self.registry, Clock(), self.facts.append, asyncio.Lock()
        )

    async def change(self, transition: Transition | None, **fields: object) -> None:
        after = replace(ACME, **fields)  # type: ignore[arg-type]
        await self.writer.write("subscription", [TenantChange(ACME, after, transition)], "stripe")

    @property
    def transitions(self) -> list[tuple[Transition, Status, Status]]:
        return [
            (f.transition, f.before, f.after) for f in self.facts if isinstance(f, StatusChanged)
        ]


async def test_a_transition_is_stored_audited_in_force_and_published() -> None:
    office = Office()
    await office.change(Transition.PAID, status=Status.ACTIVE)
    assert office.store.tenants["acme"].status is Status.ACTIVE
    assert office.registry.tenants["acme"].status is Status.ACTIVE
    (row,) = office.store.audited
    assert (row.actor, row.at, row.before, row.after) == (
        "stripe",
        START,
        {"status": "trial"},
        {"status": "active"},
    )
    assert office.transitions == [(Transition.PAID, Status.TRIAL, Status.ACTIVE)]


async def test_a_turn_that_the_table_does_not_know_changes_nothing() -> None:
    office = Office()
    with pytest.raises(ValueError, match="grace_ended is not possible from trial to active"):
        await office.change(Transition.GRACE_ENDED, status=Status.ACTIVE)
    assert (office.store.commits, office.facts, office.registry.tenants["acme"]) == ([], [], ACME)


async def test_a_status_behind_an_operators_block_turns_too() -> None:
    office = Office()
    blocked = frozenset({Blocker.OPERATOR})
    await office.change(Transition.PAID, status=Status.ACTIVE, blocks=blocked)
    assert office.transitions == [
        (Transition.PAID, Status.TRIAL, Status.ACTIVE),
        (Transition.SUSPENDED, Status.ACTIVE, Status.SUSPENDED),
    ]


async def test_what_could_not_be_kept_is_not_in_force() -> None:
    office = Office()
    office.store.fault = StoreError("full")
    with pytest.raises(StoreError):
        await office.change(Transition.PAID, status=Status.ACTIVE)
    assert (office.facts, office.registry.tenants["acme"]) == ([], ACME)


async def test_a_change_of_plan_is_kept_with_its_instant() -> None:
    office = Office()
    await office.change(None, plan="q", status=Status.TRIAL)
    await office.change(None, name="Acme Inc.")
    assert list(office.store.statement_store.switches.values()) == [
        PlanSwitched("acme", START, "p", "q")
    ]


async def test_an_instant_that_is_given_stands() -> None:
    office = Office()
    given = PlanSwitched("acme", START - timedelta(days=1), "p", "q")
    change = TenantChange(ACME, replace(ACME, plan="q"))
    await office.writer.write("plan change", [change], "root", [given])
    assert list(office.store.statement_store.switches.values()) == [given]
