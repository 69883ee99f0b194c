"""The database fails under a counting daemon: calls are judged, and no counted call is lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.database import rows

pytestmark = pytest.mark.system

ACCOUNTS = """
[plan.two]
max_calls = 2
[tenant.acme]
plan = "two"
accountcodes = ["acme"]
"""
ENOUGH = 3  # calls during a fault; each leaves an answered leg


@contextmanager
def small_disk(where: Path) -> Iterator[Path]:
    """Provide a file system of 2 MB."""
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", where], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    """Run a daemon whose database has a small disk of its own; acme may have two calls."""
    with (
        small_disk(tmp_path / "disk") as disk,
        VirtualSite(tmp_path, database=disk / "pbxbilling.db") as site,
    ):
        site.start()
        site.apply(ACCOUNTS)
        yield site
        site.stop()


def fill(disk: Path) -> Path:
    """Take the last byte of a disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (65536, 4096, 1):
            try:
                while True:
                    stream.write(b"x" * size)
            except OSError:
                continue
    return filler


def answered_legs(database: Path) -> int:
    query = "SELECT 1 FROM leg WHERE answered_at IS NOT NULL AND ended_at IS NOT NULL"
    return len(rows(database, query))


def told(site: VirtualSite, fault: str) -> None:
    """Wait until the fault is reported in every place that operators look at."""
    until(lambda: site.readyz()[0] == 503, "readyz says that it is not ready", 20.0)
    _, body = site.readyz()
    assert fault in body["store"]["fault"]
    assert body["pbxes"]["pbx1"]["ready"], "the counts stay reliable"
    assert fault in site.says("status")
    assert "not ready: the store cannot write" in site.says("status")
    assert site.metric("pbxbilling_store_pending_records") >= ENOUGH
    assert site.metric("pbxbilling_store_oldest_record_seconds") > 0
    assert site.metric("pbxbilling_store_failures_total") == 1
    (line,) = [line for line in site.log().splitlines() if "store failing" in line][-1:]
    assert fault in line


def judged(site: VirtualSite) -> None:
    """Place three calls one after the other, then two at once and a third, one too many."""
    for _ in range(ENOUGH):
        assert site.call("acme", talk_s=0.1).result(patience_s(10)).admitted
        site.none_live()  # a hook can be quicker than the event that ends the call before
    live = [site.call("acme", talk_s=60.0) for _ in range(2)]
    site.up(2)
    assert not site.call("acme").result(patience_s(10)).admitted
    site.idle()
    assert all(call.result(patience_s(10)).admitted for call in live)


def nothing_is_lost(site: VirtualSite, before: int) -> None:
    until(lambda: site.readyz()[0] == 200, "the daemon is ready again", 20.0)
    until(lambda: site.json("status")["store"]["pending"] == 0, "all is written", 20.0)
    assert answered_legs(site.database) == before + ENOUGH + 2
    assert site.metric("pbxbilling_store_dropped_total") == 0
    assert "store recovered" in site.log()


def on(site: VirtualSite, fault: str, end: Callable[[], object]) -> None:
    """Run calls through a fault that has begun, end it, and count."""
    judged(site)
    told(site, fault)
    end()
    nothing_is_lost(site, before=1)


def one_call(site: VirtualSite) -> None:
    assert site.call("acme", talk_s=0.1).result(patience_s(10)).admitted
    until(lambda: answered_legs(site.database) == 1, "the first leg is on record")


def test_a_full_disk(site: VirtualSite) -> None:
    one_call(site)
    filler = fill(site.database.parent)
    on(site, "disk of", filler.unlink)


def test_a_file_that_another_process_locks(site: VirtualSite) -> None:
    one_call(site)
    with closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        on(site, "is locked by another process", other.rollback)


def put(file: Path, database: Path) -> None:
    """Replace the database by a copy of that file, without SQLite's log of the old one."""
    for old in ("-wal", "-shm"):
        database.with_name(database.name + old).unlink(missing_ok=True)
    shutil.copy(file, database.with_name("new.db"))
    database.with_name("new.db").rename(database)


def spoiled(whole: bytes) -> bytes:
    """Return a database of which only the header is left."""
    return whole[:100] + b"\xff" * (len(whole) - 100)


def test_a_damaged_file_is_replaced_under_the_running_daemon(
    site: VirtualSite, tmp_path: Path
) -> None:
    one_call(site)
    copy, damaged = tmp_path / "copy.db", tmp_path / "damaged.db"
    with closing(sqlite3.connect(site.database)) as live, closing(sqlite3.connect(copy)) as target:
        live.backup(target)
    damaged.write_bytes(spoiled(copy.read_bytes()))
    put(damaged, site.database)
    on(site, "is damaged", lambda: put(copy, site.database))


# --- at a start ----------------------------------------------------------------------------------


def serves_at_its_start(site: VirtualSite, fault: str, end: Callable[[], object]) -> None:
    """Start the daemon during the fault: it knows its accounts, and judges by them."""
    site.launch()
    until(lambda: site.get("/status")["pbxes"][0]["reconciled"], "the counts are reliable", 20.0)
    on(site, fault, end)


def test_a_daemon_starts_while_the_file_is_locked(site: VirtualSite) -> None:
    one_call(site)
    site.stop()
    with closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        serves_at_its_start(site, "is locked by another process", other.rollback)


def full(site: VirtualSite) -> Callable[[], object]:
    filler = fill(site.database.parent)
    return filler.unlink


def damaged(site: VirtualSite) -> Callable[[], object]:
    whole = site.database.read_bytes()
    site.database.write_bytes(spoiled(whole))
    return lambda: site.database.write_bytes(whole)


def read_only(site: VirtualSite) -> Callable[[], object]:
    disk = site.database.parent
    remount(disk, "ro")
    return lambda: remount(disk, "rw")


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def newer(site: VirtualSite) -> Callable[[], object]:
    whole = site.database.read_bytes()
    with closing(sqlite3.connect(site.database)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    return lambda: site.database.write_bytes(whole)


@pytest.mark.parametrize(
    ("break_it", "fault"),
    [
        (full, "check the disk"),
        (damaged, "is damaged"),
        (newer, "schema 9999, newer than"),
        (read_only, "give this user write access"),
    ],
)
def test_a_daemon_that_cannot_read_its_accounts_says_why_and_leaves_calls_to_the_dialplan(
    site: VirtualSite, break_it: Callable[[VirtualSite], Callable[[], object]], fault: str
) -> None:
    one_call(site)
    site.stop()
    mend = break_it(site)
    ran = site.run("serve")
    assert ran.returncode == 1
    assert fault in ran.stderr
    assert site.call("acme", talk_s=0.1).result(patience_s(10)).verdict.endswith("fallback||||")
    mend()
    site.start()
    assert answered_legs(site.database) == 1
    judged(site)
