"""An environment is used only where it is whole; each way of being half-made is found."""

import ast
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.environment import ROOT, fault


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return an environment that looks as if everything had been installed into it."""
    made = tmp_path / "checkout" / ".venv"
    venv.create(made)
    (library,) = made.glob("lib/python*/site-packages")
    for name in ("pip", "pbxbilling"):
        (library / name).mkdir()
        (library / name / "__init__.py").touch()
    (made / "bin/pbxbilling").write_text(f"#!{made}/bin/python\n")
    (made / "installed").touch()
    return made


def test_what_is_whole_is_used(whole: Path) -> None:
    assert fault(whole) is None


def test_nothing_is_not_whole(tmp_path: Path) -> None:
    assert fault(tmp_path / ".venv") == "there is none"


def interrupted(made: Path) -> Path:
    (made / "installed").unlink()
    return made


def without(name: str) -> Callable[[Path], Path]:
    def change(made: Path) -> Path:
        (package,) = made.glob(f"lib/python*/site-packages/{name}")
        shutil.rmtree(package)
        return made

    return change


def of_another_python(made: Path) -> Path:
    """A new release of the system put another Python in the old one's place."""
    settings = made / "pyvenv.cfg"
    written = settings.read_text()
    version = f"version = {sys.version_info[0]}.{sys.version_info[1]}."
    assert version in written
    settings.write_text(written.replace(version, "version = 3.9."))
    return made


def without_its_python(made: Path) -> Path:
    (made / "bin/python").unlink()
    (made / "bin/python").symlink_to("/nonexistent/python3")
    return made


def with_a_broken_python(made: Path) -> Path:
    (made / "bin/python").unlink()
    (made / "bin/python").symlink_to("/bin/false")
    return made


def moved(made: Path) -> Path:
    return made.parent.rename(made.parent.with_name("elsewhere")) / made.name


def copied(made: Path) -> Path:
    copy = made.parent.with_name("a copy")
    shutil.copytree(made.parent, copy, symlinks=True)
    return copy / made.name


def without_its_command(made: Path) -> Path:
    (made / "bin/pbxbilling").unlink()
    return made


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (interrupted, "half-made"),
        (without("pip"), "no pip"),
        (without("pbxbilling"), "no pbxbilling"),
        (of_another_python, "another one"),
        (without_its_python, "gone"),
        (with_a_broken_python, "another one"),
        (moved, "another place"),
        (copied, "another place"),
        (without_its_command, "another place"),
    ],
)
def test_what_is_not_whole_is_named(whole: Path, change: Callable[[Path], Path], why: str) -> None:
    assert why in (fault(change(whole)) or "")


def as_python(version: tuple[int, int, int]) -> subprocess.CompletedProcess[str]:
    code = (
        "import runpy, sys; sys.path.insert(0, '.');"
        f"sys.version_info = {version}; sys.version = '{'.'.join(map(str, version))} (main)';"
        "runpy.run_module('rig.environment', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )


def test_an_older_python_is_told_in_one_line() -> None:
    done = as_python((3, 9, 2))
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "3.11 or later is needed, and this is 3.9.2" in line


def test_an_older_python_can_read_what_tells_it() -> None:
    ast.parse((ROOT / "rig/__init__.py").read_text(), feature_version=(3, 6))
