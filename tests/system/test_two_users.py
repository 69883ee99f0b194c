"""Root's commands beside a daemon of another user: no file of either locks out the other."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rig import program
from rig.program import PROGRAM
from rig.site import free_port
from rig.waiting import patience_s, until
from tests.support.store.database import rows

UID, NOBODY = 0, 65_534
ACCOUNTS = '[plan.p]\n[tenant.acme]\nplan = "p"\n'
# It may read what lies in root's home, first of all the interpreter; it writes only its own files.
AS_DAEMON = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
)  # fmt: skip


def _reason() -> str:
    if os.geteuid() != UID:
        return "two users need root: run the tests as root"
    return "" if shutil.which("setpriv") else "no setpriv: install util-linux"


pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(_reason()), reason=_reason())]


class Site:
    """A database folder of the daemon's user, and a configuration that both read."""

    def __init__(self, directory: Path) -> None:
        self.starts = 0
        self.folder = directory / "lib"
        self.folder.mkdir(mode=0o750)
        os.chown(self.folder, NOBODY, NOBODY)
        self.database = self.folder / "pbxbilling.db"
        self.lock = self.folder / "pbxbilling.db.lock"
        self.config = directory / "pbxbilling.toml"
        self.accounts = directory / "accounts.toml"
        self.accounts.write_text(ACCOUNTS)
        self.config.write_text(
            f'[database]\nurl = "sqlite:///{self.database}"\n'
            f'[agi]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[http]\nlisten = "127.0.0.1:{free_port()}"\nadmin = "{self.folder}/admin.sock"\n'
        )

    def run(self, *words: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command as root; `before` switches it to another user."""
        words = (*words, "-c", str(self.config))
        if not before:
            return program.run(words, os.environ)
        command = [*before, str(PROGRAM), *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=patience_s(60), check=False
        )

    def says(self, *words: str, before: Sequence[str] = ()) -> str:
        """Return the output of a command that must succeed."""
        done = self.run(*words, before=before)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *words: str, before: Sequence[str] = ()) -> str:
        """Return the error of a command that must fail."""
        done = self.run(*words, before=before)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def apply(self) -> str:
        """Run `apply` as root, which needs no daemon."""
        return self.says("apply", str(self.accounts))

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Run the daemon as its own user for the block."""
        command = [*AS_DAEMON, str(PROGRAM), "serve", "-c", str(self.config)]
        self.starts += 1
        log = self.folder.parent / f"daemon.{self.starts}.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(command, stdout=output, stderr=output) as it,
        ):
            try:
                until(lambda: self._answers(it, log), "the daemon answers", 20)
                yield
            finally:
                it.terminate()

    def _answers(self, process: subprocess.Popen[bytes], log: Path) -> bool:
        assert process.poll() is None, log.read_text()
        return '"ready"' in log.read_text()

    def owners(self) -> set[int]:
        """Return the owners of the files in the folder."""
        return {file.lstat().st_uid for file in self.folder.iterdir()}

    def audited(self) -> list[str]:
        """Return the author of each audit record."""
        found = rows(self.database, "SELECT actor, action, subject FROM audit ORDER BY id")
        return [f"{row['action']} {row['subject']}" for row in found]


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
