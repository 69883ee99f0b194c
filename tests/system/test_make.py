"""`make` on a stub project: an environment comes about whole, whatever was there before."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rig.environment import ROOT, fault
from rig.locked import DEVELOPMENT
from rig.waiting import patience_s, until

pytestmark = pytest.mark.system

# Needs no network: pip finds the backend in the project itself.
PYPROJECT = """
[project]
name = "pbxbilling"
version = "1"
dependencies = []
scripts = { pbxbilling = "pbxbilling:main" }
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import os, pathlib, time, zipfile
def build_editable(folder, *_):
    if os.environ.get("HANG"):
        pathlib.Path("hangs").touch()
        time.sleep(3600)
    info = "pbxbilling-1.dist-info"
    files = {
        "pbxbilling.pth": os.path.join(os.getcwd(), "src"),
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: pbxbilling\\nVersion: 1\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/entry_points.txt": "[console_scripts]\\npbxbilling = pbxbilling:main\\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in files) + f"{info}/RECORD,,\\n"
    name = "pbxbilling-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a checkout, at a path with a space, of a project that installs in a second."""
    project = tmp_path / "a checkout"
    project.mkdir()
    shutil.copy(ROOT / "Makefile", project)
    shutil.copytree(ROOT / "rig", project / "rig", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "deploy/lock").mkdir(parents=True)
    (project / DEVELOPMENT).write_text("")
    (project / "src").mkdir()
    (project / "backend.py").write_text(BACKEND)
    (project / "src/pbxbilling.py").write_text("def main(): print('it runs')\n")
    return project


@contextmanager
def start(project: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Start make as a terminal does, in a group of its own, of which nothing is left."""
    path = os.environ["PATH"]
    # Whoever runs the tests in the background may have them ignore Ctrl-C, and so their children.
    as_a_terminal = ["env", "--default-signal=INT"]
    with subprocess.Popen(
        [*as_a_terminal, "make", "environment", f"PYTHON={sys.executable}"],
        cwd=project,
        env={"PATH": path, "HOME": str(project), "PIP_NO_INDEX": "1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    ) as started:
        try:
            yield started
        finally:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)


def make(project: Path, **settings: str) -> str:
    """Return what make says; afterwards the environment is whole, and its command runs."""
    with start(project, **settings) as started:
        said, _ = started.communicate(timeout=patience_s(120))
    assert started.returncode == 0, said
    assert fault(project / ".venv") is None
    command = [project / ".venv/bin/pbxbilling"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert ran.stdout == "it runs\n", ran.stderr
    return said


def test_it_is_made_once(project: Path) -> None:
    assert "there is none" in make(project)
    assert make(project) == ""
    (project / "pyproject.toml").write_text(f"{PYPROJECT}# changed\n")
    assert "has changed" in make(project)
    assert make(project) == ""
    (project / DEVELOPMENT).write_text("# changed\n")
    assert "has changed" in make(project)
    assert make(project) == ""


def wheel_of(name: str, folder: Path, *requires: str) -> str:
    """Write a wheel of an empty project; return the line that locks it."""
    info = f"{name}-1.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"]
    metadata += [f"Requires-Dist: {each}\n" for each in requires]
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", "".join(metadata))
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", record)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}==1 \\\n    --hash=sha256:{digest}\n"


def fails(project: Path, **settings: str) -> str:
    """Return what make says; no environment passes for whole afterwards."""
    with start(project, **settings) as started:
        said, _ = started.communicate(timeout=patience_s(120))
    assert started.returncode != 0, said
    assert fault(project / ".venv") is not None
    return said


def installed(project: Path) -> set[str]:
    return {path.stem for path in project.glob(".venv/lib/python*/site-packages/l[0-9].py")}


def test_it_has_what_the_lock_holds_and_nothing_else(project: Path) -> None:
    index = project.with_name("index")
    one, two = wheel_of("l1", index), wheel_of("l2", index, "l1")
    lock = project / DEVELOPMENT
    lock.write_text(one + two)
    make(project, PIP_FIND_LINKS=str(index))
    assert installed(project) == {"l1", "l2"}
    lock.write_text(one)
    make(project)  # without an index: what is there already is not fetched again
    assert installed(project) == {"l1"}


def test_what_the_lock_does_not_hold_is_refused(project: Path) -> None:
    index = project.with_name("index")
    one, two = wheel_of("l1", index), wheel_of("l2", index, "l1")
    settings = {"PIP_FIND_LINKS": str(index)}
    (project / DEVELOPMENT).write_text(two)
    assert "--require-hashes" in fails(project, **settings)  # l1 is nowhere pinned
    wheel_of("l1", index, "something-else")
    (project / DEVELOPMENT).write_text(one + two)
    assert "DO NOT MATCH THE HASHES" in fails(project, **settings)
    assert installed(project) == set()


def test_after_a_move_it_is_made_anew(project: Path) -> None:
    make(project)
    shutil.copytree(project, project.with_name("a copy"), symlinks=True)
    assert "another place" in make(project.with_name("a copy"))  # it still imports the first one
    assert "no pbxbilling" in make(project.rename(project.with_name("elsewhere")))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_after_an_interruption_it_is_made_anew(project: Path, end: signal.Signals) -> None:
    with start(project, HANG="yes") as started:
        until((project / "hangs").exists, "pip builds the project", 60)
        os.killpg(started.pid, end)
        said, _ = started.communicate(timeout=patience_s(60))
    assert started.returncode != 0
    assert "Traceback" not in said
    assert "half-made" in make(project)


def test_two_at_once_make_it_once(project: Path) -> None:
    with start(project) as one, start(project) as other:
        said = [each.communicate(timeout=patience_s(120))[0] for each in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], said
    assert sorted("there is none" in each for each in said) == [False, True]
    assert make(project) == ""


def test_settings_that_lead_elsewhere_do_not(project: Path) -> None:
    make(project, PIP_USER="1", PIP_TARGET="other", PIP_PREFIX="other", PIP_ROOT="other")
