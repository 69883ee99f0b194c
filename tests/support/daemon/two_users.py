"""A daemon of its own user, with root's commands beside it, and the web process of a third."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

import httpx

from rig import program
from rig.program import PROGRAM
from rig.site import free_port
from rig.waiting import patience_s, until
from tests.support.store.database import rows

ROOT, WEB, NOBODY = 0, 2, 65_534
WEB_NAME = "bin"
"""A user of every Debian, who here is the web process's."""
ACCOUNTS = '[plan.p]\n[tenant.acme]\nplan = "p"\n'
# It may read what lies in root's home, first of all the interpreter; it writes only its own files.
AS_DAEMON = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
)  # fmt: skip
# The unit's: in the group of the daemon's folder.
WEB_USER = ("setpriv", f"--reuid={WEB}", f"--regid={WEB}", f"--groups={NOBODY}")
AS_WEB = (*WEB_USER, *AS_DAEMON[4:])


def why_not() -> str:
    """Return why there cannot be two users here; "" where there can."""
    if os.geteuid() != ROOT:
        return "two users need root: run the tests as root"
    return "" if shutil.which("setpriv") else "no setpriv: install util-linux"


class Site:
    """A database folder of the daemon's user, and a configuration that both read."""

    def __init__(self, directory: Path) -> None:
        self.starts = 0
        self.folder = directory / "lib"
        self.folder.mkdir(mode=0o750)
        os.chown(self.folder, NOBODY, NOBODY)
        self.database = self.folder / "pbxbilling.db"
        self.lock = self.folder / "pbxbilling.db.lock"
        self.state = directory / "web"
        self.state.mkdir(mode=0o700)
        os.chown(self.state, WEB, WEB)
        self.web = f"127.0.0.1:{free_port()}"
        self.config = directory / "pbxbilling.toml"
        self.accounts = directory / "accounts.toml"
        self.accounts.write_text(ACCOUNTS)
        self.config.write_text(
            f'[database]\nurl = "sqlite:///{self.database}"\n'
            f'[agi]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[http]\nlisten = "127.0.0.1:{free_port()}"\nadmin = "{self.folder}/admin.sock"\n'
            f'[web]\nlisten = "{self.web}"\nuser = "{WEB_NAME}"\nstate = "{self.state}"\n'
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
    def daemon(self, end: int = SIGTERM) -> Iterator[None]:
        """Run the daemon as its own user for the block; a signal ends it."""
        with self._running("serve", AS_DAEMON, end):
            yield

    @contextmanager
    def web_process(self) -> Iterator[httpx.Client]:
        """Run the web process as its own user for the block; give a program with a token."""
        with self._running("web", AS_WEB, SIGTERM):
            base = f"http://{self.web}/api/v1"
            with httpx.Client(base_url=base, timeout=patience_s(20)) as program_:
                yield program_

    @contextmanager
    def _running(self, word: str, before: Sequence[str], end: int) -> Iterator[None]:
        command = [*before, str(PROGRAM), word, "-c", str(self.config)]
        self.starts += 1
        log = self.folder.parent / f"{word}.{self.starts}.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(command, stdout=output, stderr=output) as it,
        ):
            try:
                until(lambda: self._answers(it, log), f"`{word}` answers", 20)
                yield
            finally:
                it.send_signal(end)

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
