"""Periods that the worker closes are closed as in the daemon's own process."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.facts import StatementFailed, StatementSaved
from pbxbilling.billing.records import OneOffEntry
from pbxbilling.billing.statements.close import CloseHere, Closer
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.wiring import closing as closing_periods
from pbxbilling.wiring.closing import CloseByWorker
from pbxbilling.wiring.services import Ground, wire_billing, wire_calls
from pbxbilling.wiring.stores import stores_of
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.process import Worker, WorkerError, WorkerOn, WorkerProcess
from pbxbilling.worker.statements import OF_POLICY
from tests.support.billing.statements import BASIC, PRO, utc
from tests.support.house.build import ROOT
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.database import MAKES, database_of, dump
from tests.support.store.records import ended_leg
from tests.support.worker.in_thread import WorkerInThread

BEGINS = utc("2026-11-01T12:00")
SETUP = replace(BASIC, slug="setup", setup_fee=5000, meters=(UnitPrice("sms", 10_000),))
PLANS = (BASIC, PRO, SETUP)
TENANTS = (
    Tenant("acme", "basic", name="Acme Inc."),
    Tenant("globex", "setup", timezone="America/New_York"),
    Tenant("initech", "pro", anchor_day=15),
    Tenant("broken", "gone"),
    Tenant("shown", "basic", demo=True),
    Tenant("idle", "pro", timezone="Europe/Berlin"),
)
MISSING: Sequence[str] = ("pbx9",)


def legs(tenant: str, begins: datetime, count: int) -> list[LegRecord]:
    every = []
    for number in range(count):
        at = begins + timedelta(hours=number)
        every.append(
            replace(
                ended_leg(f"{tenant}.{begins:%m}.{number}"),
                key=ChannelKey("pbx1", f"{tenant}.{begins:%m%d}.{number}"),
                tenant=tenant,
                number=f"+49301{number}",
                started_at=at,
                answered_at=at,
                ended_at=at + timedelta(seconds=90),
                talk_us=90_000_000,
                billed_s=90,
                month=f"{at:%Y-%m}",
            )
        )
    return every


class Site:
    """A store with a month of calls, and the closer over it."""

    def __init__(
        self, store: SqlStore, place: DatabaseUrl, folder: Path, worker: Worker | None
    ) -> None:
        self.facts: list[Fact] = []
        self.place, self.store = place, store
        self.clock = Clock(BEGINS)
        self.registry = Registry(PLANS, TENANTS)
        in_force = InForce(Policy(), self.registry)
        self.ground = Ground.of(stores_of(store), in_force, self.clock, self.tell)
        self.billing = wire_billing(self.ground, wire_calls(self.ground, None).usage)
        close = CloseHere(self.billing.statements)
        by_worker = worker and CloseByWorker(
            WorkerOn(worker, place.text, folder),
            self.ground.accounts,
            in_force,
            self.clock,
            _rest,
        )
        self.known: Mapping[str, datetime | None] = {}
        self.closer = Closer(
            self.billing.statements,
            by_worker or close,
            self.clock,
            self.tell,
            lambda: self.known,
            _rest,
            _rest,
        )

    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.closer.sink(fact)

    async def at(self, now: str, *records: Record) -> None:
        await self.store.commit(records)
        self.clock.move_to(utc(now))
        await self.closer.look()

    @property
    def saved(self) -> list[tuple[str, str]]:
        return [(one.tenant, one.month) for one in self.facts if isinstance(one, StatementSaved)]


async def _rest() -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def site(
    folder: Path, worker: Worker | None, make: str = "sqlite", name: str = "test.db"
) -> AsyncIterator[Site]:
    with database_of(make, folder, name) as place:
        async with await SqlStore.open(database_at(place)) as store:
            await store.commit([*PLANS, *TENANTS])
            made = Site(store, place, folder, worker)
            await made.at("2026-11-01T12:00")
            yield made


async def played(at: Site) -> None:
    """Let months end with all that a statement can have."""
    acme = legs("acme", utc("2026-11-02T00:00"), 9)
    line = OneOffEntry("acme", 1, "2026-11", "fee", "router", 250, "EUR", "root", BEGINS)
    units = UnitsUsed("ref-1", "globex", "sms", 7, utc("2026-11-20T00:00"))
    await at.at(
        "2026-11-21T00:00", *acme, line, units, *legs("initech", utc("2026-11-03T00:00"), 3)
    )
    await at.billing.plan_changes.change("acme", "pro", None, named("root"), dry_run=False)
    at.known = {"pbx1": None}
    await at.at("2026-12-01T08:00")
    at.known = {}
    await at.at("2026-12-01T09:00")
    late = legs("acme", utc("2026-11-25T00:00"), 2)
    await at.at("2027-03-01T08:00", *late, *legs("globex", utc("2026-12-05T00:00"), 4))


@pytest.mark.parametrize("make", MAKES)
async def test_both_close_months_alike(make: str, tmp_path: Path) -> None:
    worker = WorkerInThread()
    both = site(tmp_path, worker, make), site(tmp_path, None, make, "other.db")
    async with both[0] as one, both[1] as other:
        for each in (one, other):
            await played(each)
        assert worker.runs > 3
        assert {tenant for tenant, _ in one.saved} == {
            one.slug for one in TENANTS if one.slug != "broken"
        }
        assert sorted(one.saved) == sorted(other.saved)
        assert sorted(map(repr, one.facts)) == sorted(map(repr, other.facts))
        assert one.registry.tenants == other.registry.tenants
        assert one.registry.tenants["globex"].setup_paid_at is not None
        assert without_row_numbers(dump(one.place)) == without_row_numbers(dump(other.place))


def without_row_numbers(dump: Sequence[str]) -> list[str]:
    """Return the rows in any order, without the numbers of audit rows."""
    return sorted(line if '"audit"' not in line else line.partition(",")[2] for line in dump)


@pytest.mark.parametrize("make", MAKES)
async def test_a_real_process_closes_them_too(make: str, tmp_path: Path) -> None:
    async with site(tmp_path, WorkerProcess(), make) as one:
        await one.at("2026-11-21T00:00", *legs("acme", utc("2026-11-02T00:00"), 300))
        await one.at("2026-12-02T00:00")
        assert ("acme", "2026-11") in one.saved
        billed = await one.store.statement_store.billed("acme", month="2026-11")
        assert len(billed) == 300


async def test_a_change_while_it_is_made_makes_it_anew(tmp_path: Path) -> None:
    worker = WorkerInThread()
    async with site(tmp_path, worker) as one:

        async def renamed() -> None:
            acme = one.registry.tenants["acme"]
            change = TenantChange(acme, replace(acme, name="Acme AG"))
            await one.ground.accounts.write("apply", [change], named("root"))

        worker.meanwhile = renamed
        await one.at("2026-12-01T08:00")
        assert ("acme", "2026-11") not in one.saved
        assert ("idle", "2026-11") in one.saved
        await one.at("2026-12-01T08:01")
        assert one.saved.count(("acme", "2026-11")) == 1
        (document,) = [
            saved.document for saved in await one.store.statement_store.statements(tenant="acme")
        ]
        assert "Acme AG" in str(document)


async def test_a_change_by_another_process_makes_it_anew(tmp_path: Path) -> None:
    worker = WorkerInThread()
    async with site(tmp_path, worker) as one:

        async def renamed() -> None:
            async with await SqlStore.open(database_at(one.place)) as store:
                kept = await store.accounts()
                registry = Registry(kept.plans, kept.tenants, kept.version)
                in_force = InForce(Policy(), registry)
                ground = Ground.of(stores_of(store), in_force, one.clock, lambda _: None)
                acme = registry.tenants["acme"]
                change = TenantChange(acme, replace(acme, name="Acme AG"))
                await ground.accounts.write("apply", [change], named("root"))

        worker.meanwhile = renamed
        await one.at("2026-12-01T08:00")
        assert one.saved == []
        failed = {fact.tenant for fact in one.facts if isinstance(fact, StatementFailed)}
        assert failed == {"broken"}
        await one.at("2026-12-01T08:01")
        assert one.saved.count(("acme", "2026-11")) == 1
        (saved,) = await one.store.statement_store.statements(tenant="acme")
        assert "Acme AG" in str(saved.document)


async def test_a_one_off_line_while_it_is_made_is_on_it(tmp_path: Path) -> None:
    worker = WorkerInThread()
    async with site(tmp_path, worker) as one:
        worker.meanwhile = lambda: one.billing.one_offs.add(
            "acme", "fee", "2.50", "router", named("root"), "2026-11"
        )
        await one.at("2026-12-01T08:00")
        await one.at("2026-12-01T08:01")
        (saved,) = await one.store.statement_store.statements(tenant="acme")
        assert "router" in str(saved.document)


class Dying(WorkerInThread):
    """A worker that dies over some tenants; `runs` counts all."""

    def __init__(self, *poison: str) -> None:
        super().__init__()
        self.poison = {*poison}

    async def run(self, job: str, given: Frames, made: Frames, limit_s: float = 0.0) -> None:
        given.seal()
        ((_, _, _, unread),) = given.take("asked")
        if self.poison & unread.keys():
            self.runs += 1
            raise WorkerError("it died")
        await super().run(job, given, made, limit_s)


async def test_a_tenant_over_which_the_worker_dies_delays_no_other(tmp_path: Path) -> None:
    async with site(tmp_path, Dying("idle")) as one:
        await one.at("2026-12-02T00:00")
        assert {tenant for tenant, _ in one.saved} == {"acme", "globex", "initech", "shown"}
        failed = [one for one in one.facts if isinstance(one, StatementFailed)]
        assert ("idle", "it died") in {(each.tenant, each.error) for each in failed}


async def test_a_worker_that_cannot_run_is_not_tried_for_every_tenant(tmp_path: Path) -> None:
    worker = Dying(*(tenant.slug for tenant in TENANTS))
    async with site(tmp_path, worker) as one:
        await one.at("2026-12-02T00:00")
        assert one.saved == []
        assert worker.runs == 1 + closing_periods.GIVEN_UP_AFTER
        worker.poison = set()
        await one.at("2026-12-02T00:01")
        assert {tenant for tenant, _ in one.saved} == {"acme", "globex", "initech", "shown", "idle"}


def test_of_the_policy_statements_read_what_the_worker_is_given() -> None:
    read: set[str] = set()
    for path in (ROOT / "src" / "pbxbilling" / "billing" / "statements").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                read |= {node.attr} if node.value.attr == "policy" else set()
    assert read == set(OF_POLICY)
