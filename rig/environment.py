"""Makes `.venv`, and makes it anew where it is not whole: `make` runs this before anything else.

Uses the standard library only. What Python lacks is installed as root on Debian; elsewhere one line
names it.
"""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig import debian, locked, quietly

ROOT = Path(__file__).resolve().parent.parent

_PROBE = """
import sys
from importlib.util import find_spec
print("%d.%d" % sys.version_info[:2], *(name for name in ("pip", "pbxbilling") if find_spec(name)))
"""


def _stamp(venv: Path) -> Path:
    """Return the file that is written last: it holds the digest of what was installed."""
    return venv / "installed"


def fault(venv: Path) -> str | None:
    """Return why an environment must be made anew, or None where it is whole."""
    if not venv.exists():
        return "there is none"
    if not _stamp(venv).exists():
        return "it was left half-made"
    try:
        probe = [str(venv / "bin/python"), "-I", "-c", _PROBE]
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
    except OSError:
        return "its Python is gone"
    version, *found = done.stdout.split() or [""]
    made_for = _setting(venv, "version")
    if done.returncode or (made_for and made_for.split(".")[:2] != version.split(".")):
        return f"its Python is another one than when it was made ({made_for or 'unknown'})"
    for name in ("pip", "pbxbilling"):
        if name not in found:
            return f"it has no {name}"
    return None if _is_at_home(venv) else "it was made in another place"


def _setting(venv: Path, name: str) -> str:
    """Return a setting that Python wrote down for an environment; "" if there is none."""
    try:
        lines = (venv / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return ""
    settings = dict(line.partition(" = ")[::2] for line in lines)
    return settings.get(name, "")


def _is_at_home(venv: Path) -> bool:
    """Return whether its commands start the Python beside them; after a move they do not."""
    try:
        with (venv / "bin/pbxbilling").open("rb") as command:
            return os.fsencode(venv / "bin/python") in command.read(1024)
    except OSError:
        return False


def make(venv: Path, project: Path) -> None:
    """Make a whole environment. Raises `UnprovisionedError`, `FailedError` and OSError."""
    _stamp(venv).unlink(missing_ok=True)
    bare_environment(venv, project / "build" / "environment.log")
    install(venv, project)


def bare_environment(venv: Path, log: Path) -> None:
    """Make an environment with the pip of this Python, and no more. Raises as `make`."""
    if importlib.util.find_spec("ensurepip") is None:
        if sys.base_prefix != "/usr":
            raise debian.UnprovisionedError(
                f"{sys.executable} has no ensurepip: name another one, make PYTHON=…"
            )
        debian.require("Python's ensurepip", f"python{_version()}-venv")
    quietly.run([sys.executable, "-I", "-m", "venv", "--clear", str(venv)], log, cwd=ROOT)


def install(venv: Path, project: Path) -> None:
    """Install the development lock and, from its checkout, the project. Raises `FailedError`."""
    _stamp(venv).unlink(missing_ok=True)
    python, log = venv / "bin/python", project / "build" / "environment.log"
    locked.install(python, locked.DEVELOPMENT, log, cwd=project)
    unfetched = ("--no-index", "--no-deps", "--no-build-isolation")
    locked.pip(python, "install", *unfetched, "--editable", ".", log=log, cwd=project)
    _stamp(venv).write_text(_digest(project))


def _digest(project: Path) -> str:
    named = (project / "pyproject.toml", project / locked.DEVELOPMENT)
    return hashlib.sha256(b"".join(path.read_bytes() for path in named)).hexdigest()


def _version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


@contextmanager
def _alone(project: Path) -> Iterator[None]:
    """Let one process at a time make a checkout's environment."""
    descriptor = os.open(project, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ensure(project: Path) -> None:
    """Leave a whole environment with what the project needs. Raises as `make`."""
    venv = project / ".venv"
    with _alone(project):
        why = fault(venv)
        if why is not None:
            print(f"making .venv with Python {_version()} ({why}) …", flush=True)
            make(venv, project)
        elif _stamp(venv).read_text() != _digest(project):
            print("pyproject.toml or its lock has changed: installing what they name …", flush=True)
            install(venv, project)


def main() -> int:
    """Make the environment of this checkout; return 1 and print a reason when that fails."""
    try:
        ensure(ROOT)
    except (debian.UnprovisionedError, quietly.FailedError, OSError) as reason:
        print(f"no .venv: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
