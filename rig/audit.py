"""Asks an advisory service for known vulnerabilities in a lock: `make audit`.

`python -m rig.audit LOCK`. Status 0: every release was asked for, and none has a known one. 1: some
have, named one a line. 3: not audited, and why: mostly that no service answered. To be reached and
to know nothing is no answer. PIP_AUDIT_OSV_URL names another service with OSV's interface.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rig import locked
from rig.debian import last_line

CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 3
NO_SERVICE = "not audited: no service"

CANARY = ("jinja2", "2.4.1")
"""A release of 2010 with known vulnerabilities: a service that names none of them knows none."""

_ASK = ("--vulnerability-service", "osv", "--require-hashes", "--disable-pip", "--timeout", "15")
_TELL = ("--format", "json", "--desc", "off", "--progress-spinner", "off")
_OF_A_SERVICE = re.compile(r"requests\.exceptions|ServiceError|ConnectionError|JSONDecodeError")

Dependencies = dict[str, dict[str, Any]]  # name → version, vulns with id and fix_versions


def audit(lock: Path) -> tuple[int, list[str]]:
    """Return the status, and lines that say what was found. Raises OSError, ValueError."""
    expected = {one.name for one in locked.releases(lock) if not one.marker}
    found, failure = _ask(lock)
    if found is None:
        service = _OF_A_SERVICE.search(failure)
        return NOT_AUDITED, [NO_SERVICE if service else "not audited", last_line(failure)]
    if not found.pop(CANARY[0], {}).get("vulns"):
        return NOT_AUDITED, [NO_SERVICE, f"what answered does not know {'=='.join(CANARY)}"]
    missed = sorted(expected - {name for name, one in found.items() if "vulns" in one})
    unasked = [f"not audited: {name}" for name in missed]
    vulnerable = [line for name, one in found.items() for line in _lines(name, one)]
    if vulnerable:
        return VULNERABLE, [*vulnerable, *unasked]
    if unasked:
        return NOT_AUDITED, unasked
    return CLEAN, [f"no known vulnerability in {len(found)} releases of {lock.name}"]


def _lines(name: str, one: dict[str, Any]) -> list[str]:
    return [
        f"{name} {one['version']}: {each['id']}, mended in {', '.join(each['fix_versions']) or '?'}"
        for each in one.get("vulns", ())
    ]


def _ask(lock: Path) -> tuple[Dependencies | None, str]:
    """Return what the service said of each release, the canary among them; else None, and why."""
    with tempfile.TemporaryDirectory() as scratch:
        canary, answer = Path(scratch, "canary.txt"), Path(scratch, "answer.json")
        canary.write_text(f"{'=='.join(CANARY)} --hash=sha256:{'0' * 64}\n")  # it is not fetched
        asked = ("--requirement", str(lock), "--requirement", str(canary))
        own = ("--cache-dir", scratch, "--output", str(answer))
        command = [sys.executable, "-m", "pip_audit", *asked, *_ASK, *_TELL, *own]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            listed = json.loads(answer.read_text())["dependencies"]
        except (OSError, ValueError, LookupError):
            return None, done.stderr
    return {locked.normal(one["name"]): one for one in listed}, ""


def main() -> int:
    """Audit the argument's lock, print what was found, and return the status."""
    (lock,) = map(Path, sys.argv[1:])
    status, lines = audit(lock)
    print(*lines, sep="\n", file=sys.stderr if status == NOT_AUDITED else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
