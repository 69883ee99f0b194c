"""Root's commands beside a daemon of another user: no file of either locks out the other."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rig.waiting import until
from tests.support.daemon.two_users import AS_DAEMON, NOBODY, Site, why_not

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture
def site() -> Iterator[Site]:
    """Yield a folder open to both users: pytest's own are closed to others."""
    with TemporaryDirectory(prefix="pbxbilling-two-users-") as directory:
        Path(directory).chmod(0o755)
        yield Site(Path(directory))


def test_a_daemon_writes_after_root_applied_before_its_first_start(site: Site) -> None:
    assert "added     tenant acme" in site.apply()
    assert site.owners() == {NOBODY}
    assert site.database.stat().st_mode & 0o007 == 0
    with site.daemon():
        site.says("tenant", "suspend", "acme")
        assert site.owners() == {NOBODY}
    assert site.audited()[-1] == "suspend tenant acme"


def test_root_writes_where_the_daemon_was_first(site: Site) -> None:
    with site.daemon():
        pass
    site.apply()
    assert site.owners() == {NOBODY}
    with site.daemon():
        site.says("tenant", "suspend", "acme")
    site.says("tenant", "activate", "acme")
    assert site.audited()[-2:] == ["suspend tenant acme", "activate tenant acme"]
    assert site.owners() == {NOBODY}


def test_a_read_by_root_before_the_first_start_makes_nothing(site: Site) -> None:
    assert "does not exist yet: the daemon creates it" in site.fails("tenants")
    assert list(site.folder.iterdir()) == []
    with site.daemon():
        site.apply()
    assert site.owners() == {NOBODY}


def test_a_read_by_root_leaves_nothing_of_roots(site: Site) -> None:
    site.apply()
    assert "acme" in site.says("tenants")
    assert site.owners() == {NOBODY}
    with site.daemon():
        assert "acme" in site.says("tenants")
        assert "is writable" not in site.run("doctor").stderr
        assert site.owners() == {NOBODY}


def test_the_copy_before_a_migration_is_the_daemons_too(site: Site) -> None:
    site.apply()
    older = site.folder / "older"
    with closing(sqlite3.connect(site.database)) as database, database:
        (head,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        database.execute("UPDATE alembic_version SET version_num = '0003'")
    assert not older.exists()
    site.run("tenants")  # whether that migration succeeds or not: the copy was made before
    (copy,) = site.folder.glob("*.bak")
    assert (copy.name, copy.stat().st_uid) == (f"pbxbilling.db.before-{head}.bak", NOBODY)


def _left_by_root(site: Site) -> None:
    """Leave files as release 0.1.0 did."""
    site.apply()
    os.chown(site.database, 0, 0)
    os.chown(site.lock, 0, 0)
    site.database.chmod(0o644)
    site.lock.chmod(0o640)


def test_a_lock_owned_by_root_is_named_with_its_owner_and_the_fix(site: Site) -> None:
    _left_by_root(site)
    told = site.fails("serve", before=AS_DAEMON)
    assert f"lock {site.lock} cannot be opened: Permission denied" in told
    assert f"{site.database} belongs to root and its folder to nobody" in told
    mend = f"chown --reference={site.folder} {site.database}*"
    assert f"as root, `{mend}`" in told
    subprocess.run(mend, shell=True, check=True)
    with site.daemon():
        site.says("tenant", "suspend", "acme")
    assert site.audited()[-1] == "suspend tenant acme"


def test_a_database_owned_by_root_is_reported_and_can_be_fixed_while_the_daemon_runs(
    site: Site,
) -> None:
    _left_by_root(site)
    os.chown(site.lock, NOBODY, NOBODY)
    with site.daemon():
        told = site.fails("tenant", "suspend", "acme")
        assert f"{site.database} belongs to root" in told
        mend = f"chown --reference={site.folder} {site.database}*"
        assert mend in told
        subprocess.run(mend, shell=True, check=True)
        until(lambda: site.run("tenant", "suspend", "acme").returncode == 0, "it is mended")
    assert "suspend tenant acme" in site.audited()


def test_a_user_who_is_neither_is_told_whose_it_is(site: Site) -> None:
    site.apply()
    stranger = [word.replace(f"{NOBODY}", "65533") for word in AS_DAEMON]
    told = site.fails("tenant", "suspend", "acme", before=stranger)
    assert "it belongs to nobody: run this as that user, or as root" in told


@pytest.mark.parametrize("name", ["pbxbilling.db", "pbxbilling.db.lock", "pbxbilling.db-wal"])
@pytest.mark.parametrize("way", ["symlink", "hardlink", "dangling"])
def test_root_neither_gives_away_nor_writes_what_a_link_leads_to(
    site: Site, name: str, way: str
) -> None:
    victim = site.folder.parent / "victim"
    link = site.folder / name
    if way != "dangling":
        victim.write_text("root's")
    if way == "hardlink":
        link.hardlink_to(victim)
    else:
        link.symlink_to(victim)
        os.lchown(link, NOBODY, NOBODY)
    assert f"{link} is a link to a file elsewhere" in site.fails("apply", str(site.accounts))
    assert victim.exists() == (way != "dangling")
    if victim.exists():
        assert (victim.stat().st_uid, victim.read_text()) == (0, "root's")


def test_pages_and_copies_that_root_asks_for_stay_roots(site: Site) -> None:
    site.apply()
    copy = site.folder.parent / "copy.db"
    site.says("backup", str(copy))
    assert copy.stat().st_uid == 0
