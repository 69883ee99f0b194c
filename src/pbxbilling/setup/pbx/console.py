"""Asterisk's own console, by the command `asterisk -rx`: what is loaded, and reloads."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

COMMAND = "asterisk"
_LIMIT_S = 30.0
_VERSIONS = {
    "core show version": re.compile(r"Asterisk \D*?(\d+)[.-]"),
    "core show settings": re.compile(r"(?m)^\s*Version:\s+\D*?(\d+)[.-]"),
}
"""Which commands name the release. Some builds lack the first; `certified/18.9`, `GIT-22-1a2b`."""
_RUNNING = re.compile(r"(?m)^(\S+?)(?:\.so)?\s.*\s\d+\s+Running\b")


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
        for command, version in _VERSIONS.items():
            said = self.run(command)
            if found := version.search(said):
                return int(found[1])
        raise ConsoleError(f"the console does not name its version: {said.strip()[:80]}")

    def idle_modules(self, names: Sequence[str]) -> list[str]:
        """Return those of the modules that do not run. Raises ConsoleError."""
        running = set(_RUNNING.findall(self.run("module show")))
        return [name for name in names if name not in running]
