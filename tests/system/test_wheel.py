"""The wheel installs into a clean virtual environment, and what it installs runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pbxbilling
from rig.locked import RUNTIME, normal, releases
from rig.waiting import patience_s
from tests.support.rig.wheels import built, copied

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=patience_s(600),
        check=False,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **env},
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the commands that `make install` leaves."""
    wheel = built(copied(tmp_path_factory.mktemp("sources")), {})
    home = tmp_path_factory.mktemp("installation")
    done = run(sys.executable, "-m", "rig.installation", home, wheel)
    assert done.returncode == 0, done.stderr
    return home / "bin"


def test_what_is_installed_is_the_lock_and_we(installed: Path) -> None:
    listed = run(installed / "python", "-m", "pip", "list", "--format=json")
    assert listed.returncode == 0, listed.stderr
    found = {normal(one["name"]): one["version"] for one in json.loads(listed.stdout)}
    locked = {one.name: one.version for one in releases(ROOT / RUNTIME) if one.name in found}
    tools = {"pip", "setuptools"}  # of the environment
    assert found.keys() - tools == locked.keys() | {"pbxbilling"}
    assert {name: found[name] for name in locked} == locked
    assert run(installed / "python", "-m", "pip", "check").returncode == 0


def test_it_says_its_version(installed: Path) -> None:
    done = run(installed / "pbxbilling", "version")
    assert done.returncode == 0, done.stderr
    assert pbxbilling.__version__ in done.stdout


def test_it_accepts_the_example_configuration(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "ami.secret").write_text("secret")
    example = ROOT / "config" / "pbxbilling.example.toml"
    done = run(
        *(installed / "pbxbilling", "config", "check", "-c", example),
        CREDENTIALS_DIRECTORY=str(tmp_path),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_is_imported_is_in_the_wheel(installed: Path) -> None:
    # The store's migrations are also read as files; the set-up brings config/asterisk with it.
    probe = (
        "import pbxbilling, pathlib;"
        "print(*sorted(str(p.relative_to(r)) for r in [pathlib.Path(pbxbilling.__file__).parent]"
        " for p in r.rglob('*') if p.is_file() and '__pycache__' not in p.parts), sep='\\n')"
    )
    listed = run(installed / "python", "-c", probe)
    source = ROOT / "src" / "pbxbilling"
    expected = sorted(
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    shipped = [f"setup/asterisk/{path.name}" for path in (ROOT / "config/asterisk").iterdir()]
    assert listed.stdout.split() == sorted([*expected, *shipped])


def test_it_prints_the_files_for_asterisk(installed: Path, tmp_path: Path) -> None:
    config = tmp_path / "pbxbilling.toml"
    where = ("--hook", "10.0.0.5:4590", "--host", "10.0.0.9", "-c", config)
    done = run(installed / "pbxbilling", "setup", "asterisk", "--print", "plain", *where)
    assert done.returncode == 0, done.stdout + done.stderr
    subroutine = (ROOT / "config/asterisk/extensions_pbxbilling.conf").read_text()
    assert subroutine.splitlines()[-1] in done.stdout
    assert list(tmp_path.iterdir()) == []
