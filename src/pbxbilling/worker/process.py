"""Run a job in a process of its own: niced, bounded, and gone with the daemon.

Work of more than 5 ms of CPU would delay calls here, in a thread too: a busy thread takes the p99
of hooks from 0.2 to 8.5 ms (docs/decisions/0018-a-worker-process.md).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pbxbilling.kernel.errors import ServiceError
from pbxbilling.runtime.waiting import pause
from pbxbilling.worker.frames import Frames

MODULE = "pbxbilling.worker"
REFUSED = "refused"  # the tag of what a job refuses: a status, a code, a message, places of faults
# Of any job, however busy the machine is; a file of 100,000 tenants takes a minute of CPU time.
LIMIT_S = 3600.0
KILLED_S = 5.0  # longest wait for the end of a killed process: it may hang in the system
STALLED_S = 60.0  # without using any CPU time: stopped, or waiting for something that never comes
_OF_THE_DAEMON = ("PBXBILLING_", "NOTIFY_SOCKET", "WATCHDOG_")  # its secrets and its supervisor


class WorkerError(ServiceError):
    """A job could not be done; nothing was changed, and other jobs are not concerned."""

    status = 503
    code = "worker_failed"


class RefusedByJob(ServiceError):  # noqa: N818 - carries a job's own refusal
    """What a job refused, with its own status, code and message, and the places of its faults."""

    def __init__(self, status: int, code: str, message: str, places: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.status, self.code = status, code  # type: ignore[misc]
        self.places = places


class Worker(Protocol):
    """Runs jobs by their names."""

    async def run(self, job: str, given: Frames, made: Frames, limit_s: float) -> None:
        """Run a job on what is `given`, and return when `made` has all that it makes.

        Raises WorkerError, also where it takes longer than `limit_s`, and any ServiceError of the
        job.
        """
        ...


@dataclass(frozen=True, slots=True)
class WorkerOn:
    """The worker, the url of the database that its jobs read, and a folder for large files."""

    worker: Worker
    database: str = field(repr=False)  # it may have a password
    folder: Path


class WorkerProcess:
    """Runs each job in a new process, one at a time."""

    def __init__(self, stalled_s: float = STALLED_S) -> None:
        self.stalled_s = stalled_s
        self._turn = asyncio.Lock()

    async def run(self, job: str, given: Frames, made: Frames, limit_s: float = LIMIT_S) -> None:
        """Run a job; see `Worker`. Where this is cancelled, the process is killed."""
        given.seal()
        async with self._turn:
            status = await self._run(job, given, made, limit_s)
        try:
            for refusal in made.take(REFUSED):
                raise RefusedByJob(*refusal)
        except EOFError:
            msg = (
                f"the worker process ended with status {status} before {job} was done: nothing"
                " was changed; the daemon's error output may say why, then try again"
            )
            raise WorkerError(msg) from None

    async def _run(self, job: str, given: Frames, made: Frames, limit_s: float) -> int | None:
        process = _started(job, given, made)
        with _watched(process.pid) as ended:
            try:
                async with asyncio.timeout(limit_s):
                    await self._end_of(process.pid, ended)
            except TimeoutError:
                raise WorkerError(_overdue(job, limit_s)) from None
            finally:
                process.kill()  # does nothing to one that has ended
                await pause(KILLED_S, ended)
                status = process.poll()
        return status

    async def _end_of(self, pid: int, ended: asyncio.Event) -> None:
        """Wait for its end. Raises TimeoutError where it uses no CPU time for `stalled_s`."""
        used_s = -1.0
        while not ended.is_set():
            before, used_s = used_s, _cpu_s(pid)
            if used_s == before:
                raise TimeoutError
            await pause(self.stalled_s, ended)


def _overdue(job: str, limit_s: float) -> str:
    return (
        f"{job} was not done within {limit_s:.0f} s, or stood still, and was ended: nothing was"
        " changed; try again when the machine is less busy, or with a smaller file"
    )


def _started(job: str, given: Frames, made: Frames) -> subprocess.Popen[bytes]:
    """Start the process. Raises WorkerError.

    Not by the event loop, which would copy the tables of all our memory for it (fork), 20 ms with
    100,000 tenants; `subprocess` borrows them (vfork). And not in a thread: the worker ends with
    the thread that started it.
    """
    command = (sys.executable, "-P", "-m", MODULE, job, str(os.getpid()))
    try:
        return subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=given.fileno(), stdout=made.fileno(), env=_environment(os.environ)
        )
    except OSError as error:
        msg = f"no worker process could be started for {job}: {error.strerror}"
        raise WorkerError(msg) from error


@contextmanager
def _watched(pid: int) -> Iterator[asyncio.Event]:
    """Yield an event that is set when the process ends."""
    ended, loop, watched = asyncio.Event(), asyncio.get_running_loop(), os.pidfd_open(pid)
    loop.add_reader(watched, ended.set)
    try:
        yield ended
    finally:
        loop.remove_reader(watched)
        os.close(watched)


def _cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, proc(5); it stands still while that does."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _environment(of_daemon: Mapping[str, str]) -> dict[str, str]:
    """Return what a worker needs of the daemon's environment: nothing that is secret."""
    return {key: value for key, value in of_daemon.items() if not key.startswith(_OF_THE_DAEMON)}
