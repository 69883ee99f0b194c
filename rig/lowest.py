"""Runs the fast suite on the lowest releases that pyproject.toml allows: `make lowest`.

A lower bound is a promise, and this is what it is tested with. Bounds of what we name ourselves;
what those require in turn is as new as they allow.
"""

import subprocess
import sys
from pathlib import Path

from rig import debian, locked, quietly
from rig.environment import ROOT, bare_environment

_PLACE = Path("build/lowest")


def environment() -> Path:
    """Make an environment with the lowest releases; return its Python.

    Raises `UnprovisionedError`, `FailedError` and OSError.
    """
    venv, log = ROOT / _PLACE, ROOT / "build" / "lowest.log"
    lock = _PLACE.with_suffix(".txt")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    sources = ("pyproject.toml", "--group", "dev", "--only-binary", ":all:")
    how = ("--resolution", "lowest-direct", "--python-version", version, "--generate-hashes")
    compiled = [sys.executable, "-m", "uv", "pip", "compile", "--upgrade", *sources, *how]
    quietly.run([*compiled, "--output-file", str(lock)], log, cwd=ROOT)
    bare_environment(venv, log)
    python = venv / "bin/python"
    locked.install(python, lock, log, cwd=ROOT)
    unfetched = ("--no-index", "--no-deps", "--no-build-isolation")
    locked.pip(python, "install", *unfetched, "--editable", ".", log=log, cwd=ROOT)
    return python


def main() -> int:
    """Run pytest with the arguments; return its status, or 1 with a reason on standard error."""
    try:
        python = environment()
    except (debian.UnprovisionedError, quietly.FailedError, OSError) as reason:
        print(f"no environment: {reason}", file=sys.stderr)
        return 1
    return subprocess.run([python, "-m", "pytest", *sys.argv[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
