"""Writes the lock anew from pyproject.toml: `make lock`.

A release stays as long as pyproject.toml allows it; `make lock UPGRADE=1` takes new ones.
"""

import subprocess
import sys
from pathlib import Path

from rig import locked
from rig.environment import ROOT

OLDEST = "3.11"
"""What is locked fits this release of Python and later ones: requires-python."""
_UNIVERSAL = ("--universal", "--python-version", OLDEST, "--generate-hashes")
_GROUPS = {
    locked.DEVELOPMENT: ("pyproject.toml", "--group", "dev"),
    locked.RUNTIME: ("pyproject.toml", "--constraint", str(locked.DEVELOPMENT)),
    locked.BUILD: ("--group", "build", "--constraint", str(locked.DEVELOPMENT)),
}


def write(project: Path, *, upgrade: bool) -> None:
    """Resolve each lock of a checkout; the later ones take the releases of the first.

    Raises CalledProcessError.
    """
    for lock, sources in _GROUPS.items():
        renewed = ("--upgrade",) if upgrade else ()
        how = ("--quiet", "--custom-compile-command", "make lock", "--output-file", str(lock))
        command = [sys.executable, "-m", "uv", "pip", "compile", *sources, *_UNIVERSAL, *how]
        subprocess.run([*command, *renewed], cwd=project, check=True)


def main() -> int:
    """Write the lock of this checkout; return uv's status where it fails."""
    try:
        write(ROOT, upgrade=sys.argv[1:] == ["--upgrade"])
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
