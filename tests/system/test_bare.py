"""A machine with make and python3 alone: what is missing is installed, or named in one line."""

import re
import subprocess
from pathlib import Path

import pytest

from rig import provision
from rig.bare import NOBODY, Bare
from rig.locked import DEVELOPMENT

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


def machine(suite: str, directory: Path, *, of_its_own: bool = False) -> Bare:
    """Return one, or skip with the reason why there is none."""
    try:
        return Bare(suite, directory, ROOT, of_its_own=of_its_own)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no minimal Debian: {reason}")


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that says what is missing; make itself says which target failed."""
    assert done.returncode != 0, done.stdout
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    return line


@pytest.mark.parametrize("suite", provision.BARE_SUITES)
def test_without_root_the_missing_package_is_named(suite: str, tmp_path: Path) -> None:
    bare = machine(suite, tmp_path)
    bare.give_to(NOBODY)
    (python,) = (bare.root / "usr/bin").glob("python3.[0-9]*[0-9]")
    for target in ("run", "run", "test", "wheel", "bench"):  # nothing half-made is taken for whole
        line = one_line(bare.run("make", target, user=NOBODY))
        assert line.startswith("no .venv: Python's ensurepip: missing; ")
        assert line.endswith(f"apt-get install {python.name}-venv")


@pytest.fixture(scope="module", params=provision.BARE_SUITES)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bare:
    """Return a Debian on which root has run make once, in a checkout that nobody owns."""
    bare = machine(request.param, tmp_path_factory.mktemp(request.param), of_its_own=True)
    done = bare.run("make", "environment")
    assert done.returncode == 0, done.stdout + done.stderr
    bare.give_to(NOBODY)
    return bare


def test_root_has_the_environment_installed(installed: Bare) -> None:
    done = installed.run(".venv/bin/pbxbilling", "version", user=NOBODY)
    assert done.returncode == 0, done.stderr


def test_without_a_compiler_its_packages_are_named(installed: Bare) -> None:
    for target in ("wheel", "bench"):
        line = one_line(installed.run("make", target, user=NOBODY))
        assert "C compiler" in line
        assert re.search(r"apt-get install build-essential python3\.1[13]-dev$", line)


def test_without_a_network_the_reason_is_named(installed: Bare) -> None:
    lock = installed.checkout / DEVELOPMENT
    written = lock.read_text()
    lock.write_text(f"{written}of-the-index==1 \\\n    --hash=sha256:{'0' * 64}\n")
    try:
        line = one_line(installed.run("make", "environment", user=NOBODY, online=False))
    finally:
        lock.write_text(written)
    assert line.startswith("no .venv: the package index cannot be reached (")
    assert "name resolution" in line


# Rooms that depend on what Python itself brings: its parsers, its loop, its SQLite. The Python that
# runs `make test` is mostly another 3.11 than Debian 12's, so there these are enough.
OF_PYTHON = ("agi", "ami", "cel", "kernel", "runtime", "store", "web")
FAST = {
    "bookworm": [*(f"tests/unit/{room}" for room in OF_PYTHON), "tests/contract", "tests/replay"],
    "trixie": ["tests/unit", "tests/contract", "tests/replay", "tests/fuzz"],
}


def test_debians_own_python_passes_the_fast_suite(installed: Bare) -> None:
    """Without the laws: what they try thousands of times over is no matter of Python's version."""
    installed.give_to("0")
    try:
        done = installed.run(
            *(".venv/bin/python", "-m", "pytest", "-q", "-m", "not hypothesis", "--numprocesses=2"),
            *("--dist=loadscope", "--durations=5", "-p", "no:cacheprovider"),
            *FAST[installed.suite],
        )
    finally:
        installed.give_to(NOBODY)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
