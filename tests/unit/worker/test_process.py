"""A worker does its job beside the daemon; one that dies or hangs is an error of its job alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import gettempdir

import pytest

from pbxbilling import __version__
from pbxbilling.worker.__main__ import CPU_MOST_S, FILE_MOST
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.giving_way import MEMORY_MOST, NICE
from pbxbilling.worker.process import RefusedByJob, WorkerError, WorkerProcess
from rig.waiting import patience_s, until
from tests.support.house.build import ROOT
from tests.support.worker.jobs import use_test_jobs

FOLDER = Path(gettempdir())
LONG_S = 600.0  # nothing of a test takes it


@pytest.fixture(autouse=True)
def test_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    use_test_jobs(monkeypatch)


async def made_of(
    worker: WorkerProcess, job: str, *values: object, limit_s: float = LONG_S
) -> list[object]:
    with Frames.new(FOLDER) as given, Frames.new(FOLDER) as made:
        given.put("version", __version__)
        for value in values:
            given.put("value", value)
        await worker.run(job, given, made, limit_s)
        return list(made.take("value"))


@asynccontextmanager
async def waiting(
    worker: WorkerProcess, directory: Path
) -> AsyncIterator[tuple[asyncio.Task[None], int]]:
    """Run a job that never ends; yield its task and the process."""
    with Frames.new(FOLDER) as given, Frames.new(FOLDER) as made:
        path = directory / "waits"
        path.unlink(missing_ok=True)
        given.put("version", __version__)
        given.put("path", str(path))
        running = asyncio.create_task(worker.run("wait", given, made, LONG_S))
        pid = await asyncio.to_thread(until, lambda: _said_by(path), "the worker waits")
        try:
            yield running, pid
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _said_by(path: Path) -> int | None:
    said = path.read_text() if path.exists() else ""
    return int(said) if said.endswith("\n") else None


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; its parent may not have asked yet how."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


async def test_what_is_given_comes_back() -> None:
    assert await made_of(WorkerProcess(), "echo", 1, "ä", [None]) == [1, "ä", [None]]


async def test_it_is_another_process_bounded_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PBXBILLING_STRIPE_SECRET_KEY", "sk_live_1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    with Frames.new(FOLDER) as given, Frames.new(FOLDER) as made:
        given.put("version", __version__)
        await WorkerProcess().run("show_itself", given, made)
        assert next(made.take("pid")) != os.getpid()
        assert next(made.take("nice")) == min(19, os.nice(0) + NICE)
        assert next(made.take("limits")) == [MEMORY_MOST, FILE_MOST, CPU_MOST_S]
        (environment,) = made.take("environment")
        assert "PATH" in environment
        assert {"PBXBILLING_STRIPE_SECRET_KEY", "NOTIFY_SOCKET"}.isdisjoint(environment)


async def test_a_refusal_has_its_status_its_code_and_its_sentence() -> None:
    with pytest.raises(RefusedByJob, match="no such thing") as refused:
        await made_of(WorkerProcess(), "refuse")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


@pytest.mark.parametrize("job", ["fail", "exhaust"])
async def test_half_of_a_result_is_none(job: str) -> None:
    worker = WorkerProcess()
    with pytest.raises(WorkerError, match="nothing was changed"):
        await made_of(worker, job)
    assert await made_of(worker, "echo", "next") == ["next"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
async def test_one_that_dies_is_an_error_of_its_job_alone(
    number: signal.Signals, tmp_path: Path
) -> None:
    worker = WorkerProcess()
    async with waiting(worker, tmp_path) as (running, pid):
        os.kill(pid, number)
        with pytest.raises(WorkerError, match=f"status -{number.value} before wait"):
            await running
    assert await made_of(worker, "echo", "next") == ["next"]


async def test_one_that_stands_still_is_ended(tmp_path: Path) -> None:
    worker = WorkerProcess()
    async with waiting(worker, tmp_path) as (running, pid):
        os.kill(pid, signal.SIGSTOP)
        worker.stalled_s = 0.05
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert is_gone(pid)  # cancelled: so is one that is stopped
    worker.stalled_s = patience_s(3)  # a busy machine may let it start slowly
    async with waiting(worker, tmp_path) as (running, pid):
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(WorkerError, match="stood still"):
            await running
        assert is_gone(pid)
    worker.stalled_s = LONG_S
    assert await made_of(worker, "echo", "next") == ["next"]


async def test_one_without_end_is_ended() -> None:
    with pytest.raises(WorkerError, match="was ended"):
        await made_of(WorkerProcess(), "spin", limit_s=1.0)


async def test_jobs_wait_for_one_another(tmp_path: Path) -> None:
    worker = WorkerProcess()
    others = set(_children())  # of this test run
    async with waiting(worker, tmp_path) as (running, pid):
        second = asyncio.create_task(made_of(worker, "echo", "second"))
        await asyncio.sleep(0.05)
        assert set(_children()) - others == {str(pid)}
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerError):
            await running
        assert await second == ["second"]


def _children() -> list[str]:
    found: Callable[[], str] = Path(f"/proc/self/task/{os.getpid()}/children").read_text
    return found().split()


DAEMON = """
import asyncio, sys
from pathlib import Path
from pbxbilling import __version__
from pbxbilling.worker import process
from pbxbilling.worker.frames import Frames
process.MODULE = "tests.support.worker.jobs"
async def main():
    with Frames.new(Path("/tmp")) as given, Frames.new(Path("/tmp")) as made:
        given.put("version", __version__)
        given.put("path", sys.argv[1])
        await process.WorkerProcess().run("wait", given, made)
asyncio.run(main())
"""


def test_it_is_gone_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "waits"
    with subprocess.Popen([sys.executable, "-c", DAEMON, str(path)], cwd=ROOT) as daemon:
        pid = until(lambda: _said_by(path), "the worker waits")
        daemon.kill()
    until(lambda: is_gone(pid), "the worker is gone")


async def test_a_daemon_that_was_replaced_on_the_disk_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Frames.new(FOLDER) as given, Frames.new(FOLDER) as made:
        given.put("version", "0.0.1")
        with pytest.raises(RefusedByJob, match=r"has version 0\.0\.1, .* restart the daemon"):
            await WorkerProcess().run("echo", given, made)
