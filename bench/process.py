"""Runs a module of this package in a process of its own, to measure it or to compare with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def process(
    module: str, *arguments: object, core: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run `python -m MODULE ARGUMENT …` until the end of the block, pinned to `core` if given."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            if core is not None:
                os.sched_setaffinity(started.pid, {core})
            yield started
        finally:
            started.terminate()


def next_line(of: subprocess.Popen[str]) -> str:
    """Return the next line that it writes."""
    assert of.stdout is not None
    line = of.stdout.readline()
    assert line, "it died"
    return line
