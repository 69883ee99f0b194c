"""A machine with an Asterisk, an operator at its shell, and the daemon beside it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

from rig import program
from rig.asterisk import Asterisk
from rig.program import Program, Ran
from rig.site import free_port
from rig.waiting import patience_s, until


class Machine:
    """A machine with such an Asterisk, and an operator at its shell."""

    def __init__(self, asterisk: Asterisk, directory: Path) -> None:
        self.asterisk = asterisk
        self.etc = asterisk.directory / "etc"
        self.config = directory / "pbxbilling" / "pbxbilling.toml"
        self.config.parent.mkdir()
        socket = asterisk.directory / "run/asterisk.ctl"
        self._console = shlex.join([sys.executable, "-m", "rig.console", str(socket)])
        self.env = {
            "PBXBILLING_DATABASE__URL": f"sqlite:///{directory}/pbxbilling.db",
            "PBXBILLING_AGI__LISTEN": f"127.0.0.1:{free_port()}",
            "PBXBILLING_HTTP__LISTEN": f"127.0.0.1:{free_port()}",
            "PBXBILLING_HTTP__ADMIN": str(directory / "admin.sock"),
            "PBXBILLING_CONFIG": str(self.config),
            "COLUMNS": "200",
        }

    def says(self, *words: str, status: int = 0) -> str:
        """Run a command of ours; it must end with that status."""
        ran: Ran = program.run(words, {**os.environ, **self.env})
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def set_up(self, *more: str, status: int = 0) -> str:
        """Run the set-up."""
        where = ["--etc", str(self.etc), "--console", self._console]
        journal = str(self.asterisk.directory / "log/cel-custom/pbxbilling.csv")
        return self.says("setup", "asterisk", *where, "--journal", journal, *more, status=status)

    def files(self) -> dict[Path, tuple[bytes, int]]:
        """Return every file of Asterisk's configuration, with its rights."""
        return {
            path: (path.read_bytes(), path.stat().st_mode)
            for path in sorted(self.etc.rglob("*"))
            if path.is_file()
        }

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Run the daemon for the block, which begins when it listens."""
        environment = {**os.environ, **self.env}
        words = ["serve", "-c", str(self.config)]
        daemon = Program(words, environment, self.config.parent / "daemon.log")
        try:
            until(lambda: Path(self.env["PBXBILLING_HTTP__ADMIN"]).exists(), "it listens")
            yield
        finally:
            daemon.send_signal(SIGTERM)
            daemon.wait(patience_s(20))
