"""A worker with jobs for tests, started in place of the daemon's own: see `test_jobs`."""

from __future__ import annotations

import os
import resource
import time

import pytest

from pbxbilling.kernel.errors import NotFoundError
from pbxbilling.worker import process
from pbxbilling.worker.__main__ import main
from pbxbilling.worker.frames import Frames
from pbxbilling.worker.jobs import JOBS
from tests.support.house.build import ROOT


def echo(given: Frames, made: Frames) -> None:
    """Return what is given."""
    for value in given.take("value"):
        made.put("value", value)


def show_itself(_given: Frames, made: Frames) -> None:
    limits = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)
    made.put("pid", os.getpid())
    made.put("nice", os.nice(0))
    made.put("limits", [resource.getrlimit(limit)[0] for limit in limits])
    made.put("environment", sorted(os.environ))


def wait(given: Frames, _made: Frames) -> None:
    (path,) = given.take("path")
    with open(path, "w", encoding="ascii") as file:  # the test reads who waits
        file.write(f"{os.getpid()}\n")
    time.sleep(3600)


def spin(given: Frames, _made: Frames) -> None:
    while True:
        pass


def fail(given: Frames, made: Frames) -> None:
    made.put("value", "half of it")
    raise KeyError("a fault of the program")


def refuse(_given: Frames, _made: Frames) -> None:
    raise NotFoundError("no such thing")


def exhaust(_given: Frames, made: Frames) -> None:
    made.put("value", len(bytes(1 << 40)))


TEST_JOBS = ("echo", "show_itself", "wait", "spin", "fail", "refuse", "exhaust")


def use_test_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start this module as the worker of this process."""
    paths = (os.environ.get("PYTHONPATH"), str(ROOT), str(ROOT / "src"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setattr(process, "MODULE", __name__)


if __name__ == "__main__":
    JOBS.update({name: f"tests.support.worker.jobs:{name}" for name in TEST_JOBS})
    main()
