"""Writes log lines in a thread, because a slow reader of our output must delay no call."""

from __future__ import annotations

import os
import threading
from collections import deque

_BATCH_S = 0.02  # lines are collected for this long and leave in one write
_CLOSE_S = 2.0  # an output that nobody reads delays the shutdown by this at most


class LineWriter:
    """A bounded queue of lines in front of a file descriptor.

    `write` never waits. Beyond `max_lines` waiting lines the newest are dropped and counted in
    `dropped`, as are those that the output rejects. A killed process loses the last 20 ms.
    """

    def __init__(self, fd: int = 1, max_lines: int = 20_000) -> None:
        self.dropped = 0
        self._fd = fd
        self._max_lines = max_lines
        self._lines: deque[bytes] = deque()
        self._filled = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue one line, which includes its newline."""
        if len(self._lines) >= self._max_lines:
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._filled.is_set():
            self._filled.set()

    def flush(self) -> None:
        """Do nothing: a file needs this method, but lines leave by themselves."""

    def close(self) -> None:
        """Write the lines that wait, within a time limit."""
        self._closing.set()
        self._filled.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._filled.wait()
            self._closing.wait(_BATCH_S)
            self._filled.clear()
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while self._lines:
            batch = [self._lines.popleft() for _ in range(min(len(self._lines), 1000))]
            try:
                self._write_all(b"".join(batch))
            except OSError:
                self.dropped += len(batch)  # only the metric can still report it

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
