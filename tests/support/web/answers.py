"""Answers that processes beside the web process make badly."""

from __future__ import annotations

import os
import signal
import time

from pbxbilling.web_process.beside import Answered, Asked


def die(_asked: Asked) -> Answered:
    """End like a process that the machine has no memory for."""
    os.kill(os.getpid(), signal.SIGKILL)
    return Answered()


def dawdle(_asked: Asked) -> Answered:
    """Take longer than anybody waits."""
    time.sleep(3600)
    return Answered()
