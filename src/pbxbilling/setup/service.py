"""The daemon's unit: restarted where it runs, so that it reads its `[[pbx]]`.

A machine without systemd, or without the unit, has nothing to restart; the command then says what
the operator does next.
"""

from __future__ import annotations

import subprocess

UNIT = "pbxbilling"
_LIMIT_S = 60.0


def is_running() -> bool:
    """Return whether systemd runs the daemon on this machine."""
    return _systemctl("is-active", "--quiet")


def restart() -> bool:
    """Restart the daemon; return whether systemd has done it. Calls go on meanwhile."""
    return _systemctl("restart")


def _systemctl(*words: str) -> bool:
    command = ["systemctl", *words, UNIT]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
