"""A Debian that was booted: systemd is PID 1 in it, so units really start.

`systemd-nspawn` boots a base of the cache with a writable layer in memory. It shares the network of
this machine, and so loopback; what it needs of this machine's files is bound in.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from rig import provision
from rig.bases import grown
from rig.debian import UnprovisionedError, last_line
from rig.running import Running
from rig.waiting import patience_s, until

PACKAGES = ("systemd", "systemd-sysv", "logrotate")
_LOGIN = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root")
_TALK = ("LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "COLUMNS=200")


class Booted(Running):
    """One booted machine; what is written in it is gone when it stops.

    Start it from a thread that lives as long as the machine must: Linux ends it with that thread.
    """

    def __init__(self, suite: str, directory: Path, binds: Mapping[Path, str], *more: str) -> None:
        """`binds`: what of this machine is seen there, and where; `more` are nspawn's options.

        Raises `UnprovisionedError`.
        """
        self._base = grown(f"booted-{suite}", suite, PACKAGES)
        self._program = provision.tool("systemd-nspawn")
        self._name = f"pbxbilling-{uuid.uuid4().hex[:8]}"
        self._group = _own_group(self._name)
        self._console = directory / f"{self._name}.console"
        self._options = [*(f"--bind={here}:{there}" for here, there in binds.items()), *more]
        self._users = ["--user" for one in more if one.startswith("--private-users=")]
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def start(self) -> Booted:
        """Boot, and return when systemd has started what it starts."""
        enter = f'echo $$ > {self._group}/cgroup.procs; exec "$@"'
        with self._console.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "sh", "-ec", enter, "sh"),
                    *(str(self._program), "--quiet", "--boot", "--register=no", "--keep-unit"),
                    *("--volatile=overlay", "--console=pipe", "--link-journal=no"),
                    *("--timezone=off", "--resolv-conf=off", f"--machine={self._name}"),
                    *(f"--directory={self._base}", *self._options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                process_group=0,
            )
        until(self._booted, "the machine boots", 60)
        return self

    def _booted(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise UnprovisionedError(f"systemd-nspawn: {last_line(self._console.read_text())}")
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._leader = int(children[0]) if children else 0
        if not self._leader:
            return False
        state = self.run("systemctl", "is-system-running").stdout.strip()
        return state in {"running", "degraded"}

    @property
    def root(self) -> Path:
        """The root of its files, as this machine sees them."""
        return Path(f"/proc/{self._leader}/root")

    def entering(
        self, *command: str, folder: str = "/", environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """Return the command of this machine that runs one in it as root."""
        spaces = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", *self._users)
        more = (f"{name}={value}" for name, value in (environment or {}).items())
        return [
            *("nsenter", f"--target={self._leader}", *spaces, "env", "-i"),
            *(f"--chdir={folder}", *_LOGIN, *_TALK, *more, *command),
        ]

    def run(self, *command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it as root."""
        return subprocess.run(
            self.entering(*command),
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience_s(180),
            check=False,
        )

    def says(self, command: str, status: int = 0) -> str:
        """Run a shell command that must end with that status; return what it prints."""
        done = self.run("sh", "-c", command)
        if done.returncode != status:
            said = done.stdout + done.stderr
            raise RuntimeError(f"{command}: status {done.returncode}\n{said}\n{self.journal()}")
        return done.stdout + done.stderr

    def journal(self) -> str:
        """Return what units have logged lately."""
        return self.run("journalctl", "--no-pager", "--lines=60", "--output=cat").stdout

    def stop(self) -> None:
        """End it at once, with all that runs in it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader or self._process.pid, signal.SIGKILL)
            self._process.wait(patience_s(30))
            self._process = None
        with contextlib.suppress(TimeoutError):
            until(self._is_swept, "its control groups are empty")

    def _is_swept(self) -> bool:
        """Remove its control groups; False while one still has a process that is about to end."""
        groups = [*sorted(self._group.rglob("*/"), reverse=True), self._group]
        for group in groups:
            with contextlib.suppress(OSError):
                group.rmdir()
        return not self._group.exists()


def _own_group(name: str) -> Path:
    """Make a control group: two machines in one would take each other's processes for their own.

    Raises `UnprovisionedError` where this machine has none to give.
    """
    if reason := provision.obstacle():
        raise UnprovisionedError(reason)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            group = Path(before.split()[4], name)
            try:
                group.mkdir()
            except OSError as fault:
                raise UnprovisionedError(f"no control group can be made: {fault}") from fault
            return group
    raise UnprovisionedError("no cgroup2 is mounted here, which systemd needs")
