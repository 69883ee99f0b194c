"""`make run`, short: the limited tenant is held to its plan, the other is not affected."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import provision
from rig.waiting import patience_s


def _demo(directory: Path, *options: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "rig.demo", "--waves", "1", "--dir", directory, *options],
        capture_output=True,
        text=True,
        timeout=patience_s(120),
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


@pytest.mark.system
def test_on_a_terminal_the_table_redraws_in_its_place(tmp_path: Path) -> None:
    shown = _on_a_terminal("--waves", "1", "--dir", str(tmp_path), "--virtual")
    assert shown.count("max calls") > 2  # one wave of two seconds
    assert "\x1b[1A" in shown  # up a line, over the earlier text
    assert "refused" in shown
    assert "max_calls: 2 of 2" in shown
    assert _summary(shown) == {"acme": (2, 3), "globex": (3, 0)}


def _on_a_terminal(*options: str) -> str:
    """Return the output as sent to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "rig.demo", *options],
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "50"},
    ) as demo:
        os.close(theirs)
        shown = b"".join(_read(ours))
        assert demo.wait(patience_s(60)) == 0, shown
    return shown.decode()


def _read(terminal: int) -> Iterator[bytes]:
    """Read until the last writer has closed, which Linux reports as an error."""
    try:
        while some := os.read(terminal, 4096):
            yield some
    except OSError:
        pass
    finally:
        os.close(terminal)
