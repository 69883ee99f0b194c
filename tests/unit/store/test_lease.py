"""One daemon a database of PostgreSQL: who has it, who is waited for, and who must stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store.database.faults import LeaseLostError
from pbxbilling.store.database.postgres import lease as lease_module
from pbxbilling.store.database.postgres import process
from pbxbilling.store.database.postgres.server import PostgresDatabase
from pbxbilling.store.store import SqlStore
from rig.postgres import Postgres
from rig.provision import UnprovisionedError
from rig.waiting import patience_s, until
from tests.support.store.postgres import emptied_database, execute, rows
from tests.support.store.records import call

SHORT_S = 0.6


@pytest.fixture
def url() -> Iterator[PostgresUrl]:
    with emptied_database() as url:
        yield url


class Sleeper:
    """Another process of this machine, written as a holder."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pid = self.process.pid
        *_, boot, table = process.this_process().split()
        self.holder = f"{pid} {process._started(pid)} {boot} {table}"

    def kill(self) -> None:
        """End it, without asking for its status: it stays as a zombie."""
        self.process.kill()
        stat = Path(f"/proc/{self.process.pid}/stat")
        until(lambda: ") Z " in stat.read_text(), "it is dead")

    def bury(self) -> None:
        self.process.kill()
        self.process.wait(patience_s(5))


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    sleeper = Sleeper()
    yield sleeper
    sleeper.bury()


def held_by(url: PostgresUrl, holder: str, *, node: str = "db9", for_s: int = 3600) -> None:
    """Put a holder on record."""
    until = f"extract(epoch FROM clock_timestamp()) * 1000000 + {for_s * 1_000_000}"
    execute(
        url,
        "DELETE FROM lease",
        f"INSERT INTO lease VALUES ('daemon', '{node}', '{holder}', 7, {until})",
    )


def row(url: PostgresUrl) -> dict[str, object]:
    (found,) = rows(
        url,
        "SELECT node, process, epoch,"
        " until > extract(epoch FROM clock_timestamp()) * 1000000 AS held FROM lease",
    )
    return found


def taken_over(url: PostgresUrl) -> None:
    """Let another machine claim the lease, for an hour."""
    another = "node = 'db9', process = '1 1 b 1', until = until + 3600000000"
    execute(url, f"UPDATE lease SET epoch = epoch + 1, {another}")


def waits_for_a_lock(url: PostgresUrl) -> bool:
    found = execute(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return found != "0"


# --- who is refused -------------------------------------------------------------------------------


async def test_a_second_one_is_refused_with_the_holders_name_and_what_to_do(
    url: PostgresUrl,
) -> None:
    first, second = PostgresDatabase(url), PostgresDatabase(url)
    async with first.alone():
        with pytest.raises(StoreError) as refused:
            async with second.alone():
                pytest.fail("two have it")
        assert await second.holder() == f"process {os.getpid()} on {process.node()}"
    assert f"is in use by process {os.getpid()} on {process.node()}: " in str(refused.value)
    assert "end that process, and where its whole machine is gone, wait 10 s" in str(refused.value)


async def test_a_stop_in_order_frees_it_at_once(url: PostgresUrl) -> None:
    async with PostgresDatabase(url).alone():
        assert row(url)["held"]
    assert not row(url)["held"]
    assert await PostgresDatabase(url).holder() is None
    async with PostgresDatabase(url).alone():
        assert row(url)["epoch"] == 2


async def test_one_of_another_machine_is_waited_for(url: PostgresUrl, sleeper: Sleeper) -> None:
    sleeper.kill()
    pid, started, _, table = sleeper.holder.split()
    held_by(url, f"{pid} {started} {'0' * 32} {table}")
    with pytest.raises(StoreError, match=f"in use by process {pid} on db9"):
        async with PostgresDatabase(url).alone():
            pytest.fail("it may live")
    held_by(url, f"{pid} {started} {'0' * 32} {table}", for_s=-1)
    async with PostgresDatabase(url).alone():
        assert (row(url)["node"], row(url)["epoch"]) == (process.node(), 8)


async def test_a_dead_one_of_this_machine_is_not_waited_for(
    url: PostgresUrl, sleeper: Sleeper
) -> None:
    held_by(url, sleeper.holder)
    with pytest.raises(StoreError, match=f"in use by process {sleeper.process.pid}"):
        async with PostgresDatabase(url).alone():
            pytest.fail("it lives")
    sleeper.kill()
    async with PostgresDatabase(url).alone():
        assert row(url)["epoch"] == 8


# --- who is dead ----------------------------------------------------------------------------------


def test_the_dead_are_known_by_number_begin_boot_and_table(sleeper: Sleeper) -> None:
    assert not process.is_dead(process.this_process())
    pid, started, boot, table = sleeper.holder.split()
    assert not process.is_dead(sleeper.holder)
    assert process.is_dead(f"{pid} {int(started) + 1} {boot} {table}")  # its number is another's
    sleeper.kill()
    assert process.is_dead(sleeper.holder)
    sleeper.bury()
    assert process.is_dead(sleeper.holder)
    for other in (
        f"{pid} {started} {'0' * 32} {table}",
        f"{pid} {started} {boot} {int(table) + 1}",
        f"{pid} {started} - {table}",
        f"{pid} - {boot} {table}",
        f"{pid} of a later release, written otherwise",
        pid,
    ):
        assert not process.is_dead(other), other


def test_one_that_proc_hides_is_not_dead(
    sleeper: Sleeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ProtectProc=invisible` shows no process of another user, and `ProcSubset=pid` no boot."""
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("/proc/self/ns/pid")
    boot = sleeper.holder.split()[2]
    monkeypatch.setattr(process, "PROC", tmp_path)
    monkeypatch.setenv(process.BOOT_VARIABLE, boot)
    assert not process.is_dead(sleeper.holder)
    sleeper.bury()
    assert process.is_dead(sleeper.holder)
    monkeypatch.delenv(process.BOOT_VARIABLE)
    assert not process.is_dead(sleeper.holder)


# --- who has lost it ------------------------------------------------------------------------------


async def test_who_has_lost_it_is_ended_and_frees_nothing(url: PostgresUrl) -> None:
    async def hold() -> None:
        async with PostgresDatabase(url, SHORT_S).alone():
            taken_over(url)
            await asyncio.sleep(patience_s(60))

    with pytest.raises(LeaseLostError) as lost:
        await hold()
    assert "has another daemon since: this one was away for more than 0.6 s" in str(lost.value)
    assert (row(url)["node"], row(url)["held"], row(url)["epoch"]) == ("db9", True, 2)
    body = asyncio.current_task()
    assert body is not None
    assert not body.cancelling()


async def test_who_ends_before_it_hears_of_the_loss_frees_nothing_either(url: PostgresUrl) -> None:
    async with PostgresDatabase(url).alone():
        taken_over(url)
    assert (row(url)["node"], row(url)["held"]) == ("db9", True)


async def test_what_the_body_ends_with_after_the_loss_is_the_loss(url: PostgresUrl) -> None:
    async def fails() -> None:
        try:
            await asyncio.sleep(patience_s(60))
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    async def hold() -> None:
        async with PostgresDatabase(url, SHORT_S).alone(), asyncio.TaskGroup() as tasks:
            tasks.create_task(fails())
            taken_over(url)

    with pytest.raises(LeaseLostError):
        await hold()


async def test_who_has_lost_it_writes_nothing_and_hears_of_it_by_the_first_write(
    url: PostgresUrl,
) -> None:
    database = PostgresDatabase(url, 3600.0)  # never renewed
    store = await SqlStore.open(database)

    async def hold() -> None:
        async with database.alone():
            await store.commit([call("c1")])
            taken_over(url)
            with pytest.raises(LeaseLostError):
                await asyncio.create_task(store.commit([call("c2")]))
            await asyncio.sleep(patience_s(60))

    with pytest.raises(LeaseLostError):
        await hold()
    with pytest.raises(LeaseLostError):
        await store.commit([call("c3")])
    await store.close()
    assert [found["call"] for found in rows(url, "SELECT call FROM call")] == ["c1"]


async def test_another_cancellation_stays_one(url: PostgresUrl) -> None:
    held = asyncio.Event()

    async def hold() -> None:
        async with PostgresDatabase(url).alone():
            held.set()
            await asyncio.sleep(patience_s(60))

    task = asyncio.create_task(hold())
    await held.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not row(url)["held"]


async def test_who_cannot_renew_it_by_a_fault_of_ours_is_ended_by_that(
    url: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hold() -> None:
        async with PostgresDatabase(url, SHORT_S).alone():
            monkeypatch.setattr(lease_module, "_US", None)
            await asyncio.sleep(patience_s(60))

    with pytest.raises(TypeError):
        await hold()


# --- for how long ---------------------------------------------------------------------------------


async def renewed(until_of: Callable[[], str], by_s: float = 0.0) -> None:
    """Return when the lease lasts longer than now, by more than so much."""

    def look() -> None:
        before = int(until_of())
        until(lambda: int(until_of()) > before + by_s * 1_000_000, "it is renewed")

    await asyncio.to_thread(look)


async def test_a_long_transaction_delays_no_renewal_but_a_claim(url: PostgresUrl) -> None:
    database = PostgresDatabase(url, SHORT_S)

    async def hold() -> None:
        async with database.alone(), await SqlStore.open(database) as store:
            async with store.transaction(None) as transaction:
                await transaction.write([call()])
                await renewed(lambda: execute(url, "SELECT until FROM lease"), 3 * SHORT_S)
                claim = asyncio.create_task(asyncio.to_thread(taken_over, url))
                await asyncio.to_thread(until, lambda: waits_for_a_lock(url), "the claim waits")
            await claim
            await store.commit([call("c2")])

    with pytest.raises(LeaseLostError):
        await hold()
    assert [found["call"] for found in rows(url, "SELECT call FROM call")] == ["c1"]


@pytest.fixture
def server() -> Iterator[Postgres]:
    with TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)  # it runs as a user of its own
        try:
            server = Postgres(Path(folder, "server"), safe=True).start()
        except UnprovisionedError as reason:
            pytest.skip(str(reason))
        yield server
        server.stop()


async def test_a_server_that_is_away_is_waited_for(server: Postgres) -> None:
    database = PostgresDatabase(server.url("postgres"), SHORT_S)
    await database.prepare(create=True)
    async with database.alone():
        await asyncio.to_thread(server.stop_at_once)
        await asyncio.sleep(3 * SHORT_S)
        await asyncio.to_thread(server.start)
        await renewed(lambda: server.execute("postgres", "SELECT until FROM lease"))
        assert await database.holder() is not None


def test_a_frozen_one_is_not_dead(sleeper: Sleeper) -> None:
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    assert not process.is_dead(sleeper.holder)
