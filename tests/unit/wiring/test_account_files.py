"""A file that the worker compares does what the same file does in the daemon's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pbxbilling.accounts.apply import AccountsFile, plan_changes
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.facts import Fact
from pbxbilling.privacy.retention import Retention
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.web.api import always, api
from pbxbilling.wiring import account_files
from pbxbilling.wiring.services import Ground, wire_services
from pbxbilling.wiring.stores import stores_of
from pbxbilling.worker.accounts import OF_POLICY
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.process import Worker, WorkerError, WorkerOn, WorkerProcess
from tests.support.kernel.clock import START, Clock
from tests.support.store.database import MAKES, database_of, rows
from tests.support.worker.in_thread import WorkerInThread

TABLES = {
    "plan": "slug",
    "tenant": "slug",
    "key_origin": "kind, slug, key",
    "plan_switch": "tenant, at",
    "terms_change": "kind, slug, at",
    "audit": "subject, at",
}
PLANS = (
    Plan("basic", name="Basic", limits=Limits(max_calls=3)),
    Plan("pro", name="Pro", limits=Limits(max_calls=30)),
    Plan("old", active=False),
)
TENANTS = (
    Tenant("acme", "basic", name="Acme", accountcodes=("acme",), dids=("+15550101",)),
    Tenant("globex", "pro", status=Status.READ_ONLY, status_since=START - timedelta(days=9)),
    Tenant("linked", "pro", customer="cus_1", subscription="sub_1", status=Status.PAST_DUE),
    Tenant("stays", "old"),
)
WHOLE = '[tenant.acme]\nname = "Acme"\nplan = "basic"\naccountcodes = ["acme"]\n'

Given = Mapping[str, Any]
TOML: Mapping[str, Given] = {
    "adds": {"text": '[plan.new]\nmax_calls = 3\n[tenant.new]\nplan = "new"\ndids = ["1"]\n'},
    "changes nothing": {"text": WHOLE + 'dids = ["+15550101"]\n'},
    "changes": {"text": WHOLE + 'dids = ["+15550101", "+15550102"]\nextensions = 4\n'},
    "moves to another plan": {
        "text": WHOLE.replace("basic", "pro") + 'dids = ["+15550101"]\n',
    },
    "resets and is not agreed to": {"text": WHOLE},
    "resets and is agreed to": {"text": WHOLE, "reset": True},
    "only tries": {"text": WHOLE, "reset": True, "dry_run": True},
    "deactivates": {"text": '[plan.pro]\nname = "Pro"\nmax_calls = 30\nactive = false\n'},
    "changes a price": {"text": '[plan.pro]\nname = "Pro"\nmax_calls = 30\nprice = "9.00"\n'},
    "changes a currency in the open period": {
        "text": '[plan.pro]\nname = "Pro"\nmax_calls = 30\ncurrency = "USD"\n',
    },
    "hands a number on": {
        "text": WHOLE + 'dids = []\n[tenant.new]\nplan = "basic"\ndids = ["+15550101"]\n',
    },
    "begins a trial": {"text": '[tenant.new]\nplan = "pro"\nstatus = "trial"\n'},
    "blocks and lets go": {
        "text": '[tenant.acme]\nstatus = "suspended"\n[tenant.globex]\nstatus = "active"\n',
        "reset": True,
    },
    "contradicts the gateway": {"text": '[tenant.linked]\nstatus = "trial"\n', "reset": True},
    "takes over what a command set": {"text": '[tenant.stays]\nplan = "old"\nname = "Stays"\n'},
    "has another form": {"text": "[plan.basic]\nmax_calls = -1\n[tenant.x]\nmode = 1\n"},
    "is no TOML": {"text": "[plan"},
    "contradicts itself": {
        "text": '[tenant.a]\nplan = "gold"\n[tenant.b]\nplan = "basic"\ndids = ["+15550101"]\n',
    },
    "is empty": {"text": ""},
    "has no text": {},
    "has a key too many": {"text": "", "more": 1},
}
CSV: Mapping[str, Given] = {
    "adds and changes": {"text": "tenant,plan,name\nacme,pro,Acme Inc.\nnew,basic,\n"},
    "empties a cell": {"text": "tenant,dids\nacme,\n"},
    "empties a cell and is agreed to": {"text": "tenant,dids\nacme,\n", "reset": True},
    "is wrong": {"text": "tenant,plans\nacme,pro\n"},
}
ON_BOTH = {"adds", "adds and changes"}
CASES = [("accounts", name, given) for name, given in TOML.items()]
CASES += [("accounts/tenants.csv", name, given) for name, given in CSV.items()]


class Site:
    """Accounts on a database, and the API over them."""

    def __init__(
        self, store: SqlStore, place: DatabaseUrl, folder: Path, worker: Worker | None
    ) -> None:
        self.facts: list[Fact] = []
        self.place, self.clock = place, Clock()
        self.registry = Registry(PLANS, TENANTS)
        in_force = InForce(Policy(default_plan="basic", trial_days=5), self.registry)
        self.ground = Ground.of(stores_of(store), in_force, self.clock, self.facts.append)
        on = WorkerOn(worker, place.text, folder) if worker else None
        self.services = wire_services(self.ground, Retention(), by_worker=on)
        self.transport = httpx.ASGITransport(app=api(always(self.services), _root))

    async def put(self, path: str, **given: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=self.transport, base_url="http://test") as client:
            return await client.put(f"/api/v1/{path}", json={"source": "file", **given})

    def stored(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of all tables that an apply writes, without row numbers."""
        found = {
            table: [dict(row) for row in rows(self.place, f"SELECT * FROM {table} ORDER BY {by}")]
            for table, by in TABLES.items()
        }
        return {
            table: [tuple(value for key, value in row.items() if key != "id") for row in every]
            for table, every in found.items()
        }

    def in_force(self) -> tuple[object, ...]:
        registry = self.registry
        owners = [registry.owner("acme"), registry.owner(did="+15550101"), registry.owner(did="1")]
        terms = [registry.terms(slug) for slug in sorted(registry.tenants)]
        known = [(one.tenant, one.plan, one.limits) for one in terms if one is not None]
        return registry.plans, registry.tenants, owners, known


async def _root(_request: object) -> Principal:
    return Principal.command("root")


@asynccontextmanager
async def site(directory: Path, worker: Worker | None, make: str = "sqlite") -> AsyncIterator[Site]:
    await asyncio.to_thread(directory.mkdir)
    with database_of(make, directory) as place:
        async with await SqlStore.open(database_at(place)) as store:
            yield await opened(store, place, directory, worker)


async def opened(
    store: SqlStore, place: DatabaseUrl, directory: Path, worker: Worker | None
) -> Site:
    """Return a site with accounts, some of which commands have changed."""
    await store.commit([*PLANS, *TENANTS])
    made = Site(store, place, directory, worker)
    renamed = replace(TENANTS[3], name="Stays")
    made.registry.put_tenant(renamed)
    await store.commit([renamed])
    await made.put("tenants/globex/suspension")
    await made.put("tenants/stays/trial", until="2030-01-01")
    made.facts.clear()
    return made


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_files, "SMALL_FILE", -1)


# Every case on SQLite, and one of each way on PostgreSQL.
RUN = [(make, *case) for case in CASES for make in MAKES if make == "sqlite" or case[1] in ON_BOTH]


@pytest.mark.parametrize(
    ("make", "path", "name", "given"), RUN, ids=[f"{p}: {n}, {make}" for make, p, n, _ in RUN]
)
async def test_both_answer_store_publish_and_enforce_the_same(
    make: str, path: str, name: str, given: Given, tmp_path: Path
) -> None:
    worker = WorkerInThread()
    both = site(tmp_path / "a", worker, make), site(tmp_path / "b", None, make)
    async with both[0] as one, both[1] as other:
        answers = [await each.put(path, **given) for each in (one, other)]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].json() == answers[1].json()
        assert worker.runs == 1
        assert one.stored() == other.stored()
        assert one.facts == other.facts
        assert one.in_force() == other.in_force()


@pytest.mark.parametrize("make", MAKES)
async def test_a_real_process_does_the_same_to_hundreds(make: str, tmp_path: Path) -> None:
    text = "".join(
        f'[tenant.t{number}]\nplan = "basic"\nname = "é{number}"\ndids = ["+1555{number:04}"]\n'
        for number in range(700)
    )
    both = site(tmp_path / "a", WorkerProcess(), make), site(tmp_path / "b", None, make)
    async with both[0] as one, both[1] as other:
        for given in (
            {"text": text, "dry_run": True},
            {"text": text},
            {"text": text.replace("basic", "pro")},
            {"text": text.replace("basic", "gold")},
        ):
            answers = [await each.put("accounts", **given) for each in (one, other)]
            assert answers[0].status_code == answers[1].status_code
            assert answers[0].json() == answers[1].json()
            assert one.stored() == other.stored()
            assert one.facts == other.facts
            assert one.in_force() == other.in_force()


async def test_a_change_meanwhile_is_not_lost(tmp_path: Path) -> None:
    worker = WorkerInThread()
    async with site(tmp_path / "a", worker) as one:
        worker.meanwhile = lambda: one.put("tenants/acme/suspension")
        answer = await one.put("accounts", text=WHOLE + 'dids = ["+15550109"]\n')
        assert (answer.status_code, worker.runs) == (200, 2)
        acme = one.registry.tenants["acme"]
        assert (acme.dids, bool(acme.blocks)) == (("+15550109",), True)
        kept = await one.ground.stores.accounts.accounts()
        assert acme in kept.tenants


async def test_a_change_by_another_process_is_not_lost(tmp_path: Path) -> None:
    worker = WorkerInThread()
    async with site(tmp_path / "a", worker) as one:

        async def suspended() -> None:
            async with await SqlStore.open(database_at(one.place)) as store:
                other, kept = Site(store, one.place, tmp_path, None), await store.accounts()
                other.registry.swap(Registry(kept.plans, kept.tenants, kept.version))
                await other.put("tenants/acme/suspension")

        worker.meanwhile = suspended
        answer = await one.put("accounts", text=WHOLE + 'dids = ["+15550109"]\n')
        assert (answer.status_code, worker.runs) == (200, 2)
        acme = one.registry.tenants["acme"]
        assert (acme.dids, bool(acme.blocks)) == (("+15550109",), True)
        assert acme in (await one.ground.stores.accounts.accounts()).tenants


async def test_what_only_tries_is_compared_once(tmp_path: Path) -> None:
    worker = WorkerInThread()
    async with site(tmp_path / "a", worker) as one:
        worker.meanwhile = lambda: one.put("tenants/acme/suspension")
        await one.put("accounts", text=WHOLE, dry_run=True)
        assert worker.runs == 1


class Failing:
    """A worker that hangs until it is told, and then fails."""

    def __init__(self) -> None:
        self.runs, self.fails = asyncio.Event(), asyncio.Event()

    async def run(self, job: str, given: Frames, made: Frames, limit_s: float = 0.0) -> None:
        self.runs.set()
        await self.fails.wait()
        raise WorkerError("it died")


async def test_a_worker_that_hangs_and_fails_holds_and_changes_nothing(tmp_path: Path) -> None:
    worker = Failing()
    async with site(tmp_path / "a", worker) as one:
        applying = asyncio.create_task(one.put("accounts", text=WHOLE, reset=True))
        await worker.runs.wait()
        assert (await one.put("tenants/acme/suspension")).status_code == 200
        async with httpx.AsyncClient(transport=one.transport, base_url="http://test") as client:
            assert (await client.delete("/api/v1/tenants/acme/suspension")).status_code == 200
        before = one.stored(), one.in_force()
        worker.fails.set()
        answer = await applying
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_failed")
        assert (one.stored(), one.in_force()) == before


@pytest.mark.parametrize("table", ["key_origin", "audit"])
async def test_what_cannot_be_saved_whole_is_not_in_force(table: str, tmp_path: Path) -> None:
    async with site(tmp_path / "a", WorkerInThread()) as one:
        store = one.ground.stores.accounts
        before = one.stored(), one.in_force()
        async with store.transaction("test") as transaction, transaction.connection() as opened:  # type: ignore[attr-defined]
            await opened.exec_driver_sql(
                f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN"
                " SELECT RAISE(ABORT, 'no more'); END"
            )
        one.facts.clear()
        answer = await one.put("accounts", text=TOML["adds"]["text"])
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert ((one.stored(), one.in_force()), one.facts) == (before, [])


async def test_small_files_need_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_files, "SMALL_FILE", 4096)
    worker = WorkerInThread()
    async with site(tmp_path / "a", worker) as one:
        assert (await one.put("accounts", text=TOML["adds"]["text"])).status_code == 200
        assert (worker.runs, "new" in one.registry.tenants) == (0, True)


def test_of_the_policy_a_comparison_reads_what_the_worker_is_given() -> None:
    read: set[str] = set()

    class Watched:
        def __getattr__(self, name: str) -> Any:
            read.add(name)
            return getattr(Policy(default_plan="basic"), name)

    policy: Any = Watched()
    registry = Registry(PLANS, TENANTS)
    declared: Sequence[Tenant] = (*TENANTS, Tenant("new", "", timezone=""))
    statuses = {"new": Status.TRIAL, "globex": Status.TRIAL, "acme": Status.ACTIVE}
    plan_changes(registry, AccountsFile(PLANS, tuple(declared), statuses), START, policy)
    assert read == set(OF_POLICY)
    assert {field.name for field in fields(Policy)} >= read
