"""`make run`, short: the limited tenant is held to its plan, the other is not touched."""

import subprocess
import sys
from pathlib import Path

import pytest

from rig import provision


def _demo(directory: Path, *options: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "rig.demo", "--waves", "1", "--dir", directory, *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _summary(printed: str) -> dict[str, tuple[int, int]]:
    """Tenant → (answered, refused), from the last table."""
    lines = printed.rpartition("billed minutes")[2].splitlines()
    rows = [line.split() for line in lines if line.startswith(("acme", "globex"))]
    return {row[0]: (int(row[1]), int(row[-1])) for row in rows if len(row) == 5}


@pytest.mark.asterisk
def test_on_a_real_asterisk(tmp_path: Path) -> None:
    try:
        provision.chroot(provision.ASTERISK_22)
        provision.tool("sipp")
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk 22: {reason}")
    assert _summary(_demo(tmp_path)) == {"acme": (2, 3), "globex": (3, 0)}


@pytest.mark.system
def test_on_the_virtual_pbx(tmp_path: Path) -> None:
    assert _summary(_demo(tmp_path, "--virtual")) == {"acme": (2, 3), "globex": (3, 0)}
