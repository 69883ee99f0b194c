"""What is measured, or measured against, in a process of its own: a module of this package."""

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
    """Run `python -m MODULE ARGUMENT …` until the end of the block; on a core, if one is named."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            if core is not None:
                os.sched_setaffinity(started.pid, {core})
            yield started
        finally:
            started.terminate()


def next_line(of: subprocess.Popen[str]) -> str:
    """What it writes next."""
    assert of.stdout is not None
    line = of.stdout.readline()
    assert line, "it died"
    return line
