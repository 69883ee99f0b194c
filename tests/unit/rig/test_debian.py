"""Who may not install packages is told the command that would, in one line."""

import os
import shutil
from pathlib import Path

import pytest

from rig import debian


@pytest.fixture(autouse=True)
def a_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def on_path(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in programs else None)


@pytest.mark.parametrize(
    ("programs", "line"),
    [
        (("apt-get", "sudo"), "gcc: missing; sudo apt-get install gcc libc6-dev"),
        (("apt-get",), "gcc: missing; as root, apt-get install gcc libc6-dev"),
        ((), "gcc: missing; this is no Debian, install it by other means"),
    ],
)
def test_the_line_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], line: str
) -> None:
    on_path(monkeypatch, *programs)
    with pytest.raises(debian.UnprovisionedError) as told:
        debian.require("gcc", "gcc", "libc6-dev")
    assert str(told.value) == line


def test_root_installs_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ran: list[tuple[str, ...]] = []
    on_path(monkeypatch, "apt-get")
    monkeypatch.setenv("PBXBILLING_RIG_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian, "run", lambda *command, cwd=None: ran.append(command))
    debian.require("gcc", "gcc")
    assert ran == [("apt-get", "install", "--yes", "--no-install-recommends", "gcc")]
    assert capsys.readouterr().out == "gcc: missing; apt-get install gcc …\n"
