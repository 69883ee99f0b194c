"""Runs a command on a terminal of its own, and types what it asks for."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence

_PAUSE_S = 0.2


def converse(command: Sequence[str], answers: Mapping[str, str], limit_s: float) -> tuple[int, str]:
    """Run a command; return its status and what it printed.

    `answers`: a part of a question → what is typed, each once. Raises TimeoutError, with what was
    printed, where it runs longer: it may have asked what nobody answers.
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    heard, unanswered = b"", dict(answers)
    deadline = time.monotonic() + limit_s
    try:
        for said in _said(process, leader):
            heard += said
            for question in [one for one in unanswered if one.encode() in heard]:
                os.write(leader, unanswered.pop(question).encode())
            if time.monotonic() > deadline:
                process.kill()
                raise TimeoutError(f"not within {limit_s:.0f} s:\n{_text(heard)}")
    finally:
        status = process.wait()
        os.close(leader)
    return status, _text(heard)


def _said(process: subprocess.Popen[bytes], leader: int) -> Iterator[bytes]:
    """Yield what is printed, and nothing at all from time to time, until the command is over."""
    while True:
        over = process.poll() is not None
        if select.select([leader], [], [], 0 if over else _PAUSE_S)[0]:
            try:
                yield os.read(leader, 65536)
            except OSError:  # whoever had it open is gone
                return
        elif over:
            return
        else:
            yield b""


def _text(heard: bytes) -> str:
    return heard.decode(errors="replace").replace("\r\n", "\n")
