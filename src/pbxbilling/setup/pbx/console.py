"""Asterisk's own console, by the command `asterisk -rx`: what is loaded, and reloads."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

COMMAND = "asterisk"
_LIMIT_S = 30.0
_VERSION = re.compile(r"Asterisk (?:certified/)?(\d+)\.")


class ConsoleError(Exception):
    """There is no console, or it did not answer; the message says which."""


@dataclass(frozen=True, slots=True)
class Console:
    """The console of the Asterisk on this machine; `command` may lead into a container."""

    command: str = COMMAND

    @property
    def is_here(self) -> bool:
        """Whether Asterisk runs on this machine itself, as far as its command tells."""
        words = shlex.split(self.command)
        return bool(words) and words[0].rpartition("/")[2] == COMMAND

    def run(self, line: str) -> str:
        """Return what Asterisk prints for a line. Raises ConsoleError."""
        words = [*shlex.split(self.command), "-rx", line]
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command
                words,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise ConsoleError(f"`{shlex.join(words)}`: {fault}") from fault
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise ConsoleError(f"`{shlex.join(words)}`: {said[-1] if said else 'it failed'}")
        return done.stdout

    def release(self) -> int:
        """Return Asterisk's major release. Raises ConsoleError."""
        said = self.run("core show version")
        found = _VERSION.search(said)
        if found is None:
            raise ConsoleError(f"the console does not name its version: {said.strip()[:80]}")
        return int(found[1])

    def idle_modules(self, names: Sequence[str]) -> list[str]:
        """Return those of the modules that do not run. Raises ConsoleError."""
        running = {
            row.split()[0].removesuffix(".so")
            for row in self.run("module show").splitlines()
            if " Running" in row
        }
        return [name for name in names if name not in running]
