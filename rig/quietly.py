"""Runs a command whose output nobody reads: where it fails, one line says why.

`python -m rig.quietly LOG COMMAND…`; in CI, where no file is looked at later, all of it is printed.
Uses the standard library only: it runs before there is an environment.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# pip's, on its way to a package index: "… after connection broken by 'NewConnectionError(…)': /…"
_UNREACHABLE = re.compile(r"connection broken by ['\"](?P<why>.*)['\"]: /")
_NOWHERE = re.compile(r"satisfies the requirement (\S+).*\(from versions: none\)")
_SYSTEMS_WORDS = re.compile(r"\[Errno -?\d+\] [^'\")]+|timed out|CERTIFICATE_VERIFY_FAILED")
_FAILED = re.compile(r"^\s*(?:ERROR|error|fatal error|E)\b.*:(?! subprocess-exited-with-error)")


class FailedError(Exception):
    """The command failed; the text is one line that says why, and where the rest is."""


def run(
    command: Sequence[str], log: Path, *, cwd: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run a command with its output in a file. Raises `FailedError`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        said = log.read_text(errors="replace")
        if os.environ.get("CI"):
            print(said, file=sys.stderr)
        raise FailedError(f"{reason(said)} [all of it: {log}]")


def reason(output: str) -> str:
    """Return in one line why pip or a build failed."""
    unreachable = _UNREACHABLE.search(output)
    if unreachable:
        why = _SYSTEMS_WORDS.search(unreachable["why"])
        return (
            f"the package index cannot be reached ({why[0] if why else unreachable['why'][:80]}):"
            " connect this machine, or tell pip of a proxy or mirror (https_proxy, PIP_INDEX_URL)"
        )
    nowhere = _NOWHERE.search(output)
    if nowhere:
        return f"no package index that pip knows of has {nowhere[1]}, or none can be reached"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    failed = [line for line in lines if _FAILED.match(line)]
    return (failed or lines or ["it said nothing"])[-1]


def main() -> int:
    """Run the command of the arguments after the log's name."""
    log, *command = sys.argv[1:]
    try:
        run(command, Path(log).absolute(), cwd=Path.cwd())
    except FailedError as failed:
        print(f"{shlex.join(command)}: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
