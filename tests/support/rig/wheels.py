"""Builds wheels of copies of the sources, to compare them."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rig.waiting import patience_s
from tests.support.house.build import ROOT

_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "config", "src")


def copied(checkout: Path) -> Path:
    """Copy the sources, with the present as the time of each file; return the copy."""
    checkout.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, checkout / name, ignore=ignored, copy_function=shutil.copyfile
            )
        else:
            shutil.copyfile(ROOT / name, checkout / name)
    return checkout


def built(checkout: Path, settings: Mapping[str, str], *, umask: int = 0o022) -> Path:
    """Build the wheel of a copy with these variables of the environment; return its path."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"],
        cwd=checkout,
        env={**kept, **settings},
        capture_output=True,
        text=True,
        timeout=patience_s(900),
        check=False,
        umask=umask,
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    (wheel,) = (checkout / "dist").glob("*.whl")
    return wheel


def digests_of_two(directory: Path, one: Path, other: Path, both: Mapping[str, str]) -> list[str]:
    """Return the digests of the wheels of two copies, built by two who have nothing in common."""
    scratch = directory / "another-folder-for-what-is-temporary"
    scratch.mkdir()
    elsewhere = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "TMPDIR": str(scratch)}
    wheels = (
        built(one, {**both, "TZ": "UTC", "PYTHONHASHSEED": "1"}),
        built(other, {**both, **elsewhere, "PYTHONHASHSEED": "2"}, umask=0o077),
    )
    return [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
