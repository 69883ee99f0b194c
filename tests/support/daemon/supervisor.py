"""What systemd does for a Type=notify service with a watchdog, where no systemd runs.

>>> async with Supervisor(["pbxbilling", "serve", …], watchdog_s=2) as supervisor:
...     await supervisor.ready(timeout_s=10)
...     os.kill(supervisor.pid, signal.SIGSTOP)
...     await supervisor.restarted(timeout_s=10)
"""

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from rig.waiting import patience_s


class Supervisor:
    """Starts a command, listens on NOTIFY_SOCKET, kills what stops pinging and starts it again.

    `messages` holds everything the process sent, field by field; `restarts` counts its unrequested
    ends. A ping is due from READY on.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        watchdog_s: float,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.messages: list[str] = []
        self.restarts = 0
        self.pid = 0
        self._command, self._watchdog_s, self._log = command, watchdog_s, log
        self._env = dict(os.environ if env is None else env)
        self._folder = tempfile.TemporaryDirectory(prefix="notify-")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._readiness = asyncio.Event()
        self._pinged = asyncio.Event()
        self._restarted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def ready(self, timeout_s: float) -> None:
        """Wait until the running process sends READY=1."""
        await asyncio.wait_for(self._readiness.wait(), patience_s(timeout_s))

    async def restarted(self, timeout_s: float) -> None:
        """Wait until a process was restarted and is ready; then watch for the next restart."""
        await asyncio.wait_for(self._restarted.wait(), patience_s(timeout_s))
        self._restarted.clear()
        await self.ready(timeout_s)

    async def __aenter__(self) -> Self:
        path = str(Path(self._folder.name, "notify"))
        self._socket.bind(path)
        self._socket.setblocking(False)
        self._env |= {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(int(self._watchdog_s * 1e6))}
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        self._task = asyncio.create_task(self._keep_running(), name="supervisor")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._folder.cleanup()

    def _hear(self) -> None:
        for field in self._socket.recv(4096).decode().splitlines():
            self.messages.append(field)
            if field == "READY=1":
                self._readiness.set()
            if field in ("READY=1", "WATCHDOG=1"):
                self._pinged.set()

    async def _keep_running(self) -> None:
        while True:
            await self._run_once()
            self.restarts += 1

    async def _run_once(self) -> None:
        with open(self._log or os.devnull, "ab") as output:  # noqa: ASYNC230  (before the start)
            process = await asyncio.create_subprocess_exec(
                *self._command, env=self._env, stdout=output, stderr=output
            )
        self.pid = process.pid
        if self.restarts:
            self._restarted.set()
        watching = asyncio.create_task(self._watch(process.pid), name="watchdog")
        try:
            await process.wait()
        finally:
            self._readiness.clear()
            watching.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _watch(self, pid: int) -> None:
        await self._readiness.wait()
        while True:
            self._pinged.clear()
            try:
                await asyncio.wait_for(self._pinged.wait(), self._watchdog_s)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)  # SIGABRT would not end a stopped process
                return
