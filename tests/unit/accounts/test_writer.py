"""Changes of accounts: durable, audited, in force and published; or none of these."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.records import Act, PlanSwitched
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import RUNS, AccountWriter, again_if_stale
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.audit import AuditEvent
from pbxbilling.kernel.errors import StaleError, StoreError
from pbxbilling.kernel.facts import Fact
from tests.support.kernel.actors import named
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore

ACME = Tenant("acme", "p", status=Status.TRIAL)

PORTAL = Act(AuditEvent.SUBSCRIPTION_PORTAL, "portal")


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
        await self.writer.write(
            "subscription", [TenantChange(ACME, after, transition)], named("stripe")
        )

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


class Another:
    """Another process on the office's store."""

    def __init__(self, office: Office) -> None:
        self.facts: list[Fact] = []
        self.registry = Registry(
            office.registry.plans.values(),
            office.registry.tenants.values(),
            office.registry.version,
        )
        self.writer = AccountWriter(
            office.store, self.registry, Clock(), self.facts.append, asyncio.Lock()
        )

    async def name(self, name: str) -> None:
        async with self.writer.alone:
            before = self.registry.tenants["acme"]
            await asyncio.sleep(0)
            change = TenantChange(before, replace(before, name=name))
            await self.writer.write("name", [change], named("root"))


async def test_what_another_process_has_changed_is_refused_and_read_anew() -> None:
    office = Office()
    await office.change(Transition.PAID, status=Status.ACTIVE)
    another = Another(office)
    await another.name("Acme Inc.")
    writes, written = office.writer.writes, len(office.store.commits)
    with pytest.raises(StaleError, match="another process changed the accounts meanwhile"):
        await office.change(Transition.PAID, status=Status.ACTIVE, email="a@acme.example")
    assert len(office.store.commits) == written
    assert office.registry.tenants == another.registry.tenants == office.store.tenants
    assert office.registry.version == another.registry.version == office.store.version
    assert not office.writer.is_unchanged(writes)
    assert not office.writer.is_fresh("acme", writes)


async def test_a_command_is_decided_again_as_a_whole_and_not_for_ever() -> None:
    office = Office()
    await office.change(None, name="Acme")
    one, other = Another(office), Another(office)
    await asyncio.gather(again_if_stale(one.name)("one"), again_if_stale(other.name)("other"))
    assert len(office.store.audited) == 3
    assert [row.before for row in office.store.audited[1:]] in (
        [{"name": "Acme"}, {"name": "one"}],
        [{"name": "Acme"}, {"name": "other"}],
    )
    runs = 0

    async def never() -> None:
        nonlocal runs
        runs += 1
        raise StaleError("again")

    with pytest.raises(StaleError):
        await again_if_stale(never)()
    assert runs == RUNS


async def test_a_row_of_what_changes_nothing_here_needs_no_version() -> None:
    office = Office()
    await office.change(None, name="Acme")
    another = Another(office)
    await another.name("Acme Inc.")
    await office.writer.note(office.writer.audit(PORTAL, "tenant acme", named("root"), None, {}))
    assert [row.action for row in office.store.audited] == ["subscription", "name", "portal"]


async def test_an_instant_that_is_given_stands() -> None:
    office = Office()
    given = PlanSwitched("acme", START - timedelta(days=1), "p", "q")
    change = TenantChange(ACME, replace(ACME, plan="q"))
    await office.writer.write("plan change", [change], named("root"), [given])
    assert list(office.store.statement_store.switches.values()) == [given]
