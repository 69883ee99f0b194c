"""`pbxbilling` as a process of its own, forked from one that has imported it already.

An import takes two seconds of a processor, and a test run starts the program hundreds of times.
What runs is `pbxbilling.cli.main.main` with its own arguments, environment, output and exit status.
Where the environment matters before Python starts (`LD_PRELOAD`), start the file `PROGRAM` instead.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rig.waiting import patience_s

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

PROGRAM = Path(sys.executable).with_name("pbxbilling")

COMMAND_S = 30.0  # how long a command may take on a busy machine

Ran = subprocess.CompletedProcess[str]

_PRELOADED = ("pbxbilling.cli.main", "pbxbilling.daemon.process")


class Started(Protocol):
    """A running program."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def poll(self) -> int | None:
        """Return its exit status; None while it runs."""
        ...

    def wait(self, timeout: float) -> int:
        """Wait for its end, and return its exit status."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""
        ...


class Program:
    """One run of the program, with the interface of `subprocess.Popen` as far as it is needed."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
    ) -> None:
        """Start it; it appends to the files `output` and `errors` (None: both to `output`)."""
        self._process: ForkServerProcess = _context().Process(
            target=_run,
            args=(list(words), dict(environment), output, errors or output),
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return its exit status, a signal's number as a negative one; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait for its end, and return the exit status. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired(PROGRAM.name, timeout)
        return status

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)


def start(words: Sequence[str], environment: Mapping[str, str], output: Path) -> Started:
    """Start the program; executed from its file where a library must be loaded before Python."""
    if "LD_PRELOAD" not in environment:
        return Program(words, environment, output)
    with output.open("ab") as log:
        return subprocess.Popen(
            [PROGRAM, *words], stdout=log, stderr=subprocess.STDOUT, env=environment
        )


def run(words: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Run a command to its end, and return its exit status and output."""
    with tempfile.TemporaryDirectory(prefix="pbxbilling-") as directory:
        output, errors = Path(directory, "output"), Path(directory, "errors")
        status = Program(words, environment, output, errors).wait(patience_s(COMMAND_S))
        return Ran([str(PROGRAM), *words], status, output.read_text(), errors.read_text())


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


def _run(words: list[str], environment: dict[str, str], output: Path, errors: Path) -> None:
    """Run the program in the child: nothing of the forking process but its imports remains."""
    for path, standard in ((output, 1), (errors, 2)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, standard)
        os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [str(PROGRAM), *words]
    from pbxbilling.cli.main import main

    main()
