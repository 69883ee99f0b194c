"""rsync's own server on loopback: a folder of another machine, which a copy follows in a loop."""

import subprocess
import threading
from pathlib import Path
from typing import Self

from rig import provision
from rig.running import Running
from rig.site import free_port
from rig.waiting import patience_s, until

PAUSE_S = 0.2
"""Between two copies; a site takes a second or more."""


class Copied(Running):
    """A copy of `folder` at `here`, followed by rsync until it ends; a context manager."""

    def __init__(self, folder: Path, here: Path, directory: Path) -> None:
        self.here = here
        self.port = free_port()
        self.rounds = 0
        self._rsync = str(provision.tool("rsync"))
        self._config = directory / "rsyncd.conf"
        self._config.write_text(
            f"use chroot = no\nuid = root\n[cel]\npath = {folder}\nread only = yes\n"
        )
        self._server: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._loop = threading.Thread(target=self._follow, name="rig-rsync", daemon=True)

    def start(self) -> Self:
        """Start server and loop, and return when the first copy is there."""
        listen = ("--daemon", "--no-detach", "--address=127.0.0.1", f"--port={self.port}")
        self._server = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", self._rsync, *listen, f"--config={self._config}"]
        )
        self._loop.start()
        self.wait_round()
        return self

    def wait_round(self) -> None:
        """Return when everything that is written by now has been copied."""
        before = self.rounds
        until(lambda: self.rounds >= before + 2, "rsync has copied")

    def _follow(self) -> None:
        source = f"rsync://127.0.0.1:{self.port}/cel/"
        while not self._over.wait(PAUSE_S):
            done = subprocess.run(
                [self._rsync, "-a", "--delay-updates", source, f"{self.here}/"],
                capture_output=True,
                timeout=patience_s(20),
                check=False,
            )
            self.rounds += done.returncode == 0

    def stop(self) -> None:
        """End loop and server."""
        self._over.set()
        self._loop.join(patience_s(20))
        if self._server is not None:
            self._server.kill()
            self._server.wait(patience_s(5))
