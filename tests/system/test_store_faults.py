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
from tests.support.daemon.store_fault import (
    ACCOUNTS,
    LEGS,
    fill,
    judged,
    mended,
    reported,
    unserved,
)
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.database import rows

pytestmark = pytest.mark.system


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


def full_disk_of(site: VirtualSite) -> Path:
    """Fill the disk of its database; return the file that does."""
    filler = site.database.parent / "filler"
    fill(filler)
    return filler


def answered_legs(database: Path) -> int:
    query = "SELECT 1 FROM leg WHERE answered_at IS NOT NULL AND ended_at IS NOT NULL"
    return len(rows(database, query))


def on(site: VirtualSite, fault: str, end: Callable[[], object]) -> None:
    """Run calls through a fault that has begun, end it, and count."""
    judged(site)
    reported(site, fault)
    assert fault in site.says("status")
    assert "not ready: the store cannot write" in site.says("status")
    assert site.metric("pbxbilling_store_failures_total") == 1
    *_, last = [line for line in site.log().splitlines() if "store failing" in line]
    assert fault in last
    end()
    mended(site)
    assert "store recovered" in site.log()
    assert answered_legs(site.database) == 1 + LEGS


def one_call(site: VirtualSite) -> None:
    assert site.call("acme", talk_s=0.1).result(patience_s(10)).admitted
    until(lambda: answered_legs(site.database) == 1, "the first leg is on record")


def test_a_full_disk(site: VirtualSite) -> None:
    one_call(site)
    filler = full_disk_of(site)
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
    return full_disk_of(site).unlink


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
    unserved(site, fault)
    mend()
    site.start()
    assert answered_legs(site.database) == 1
    judged(site)
