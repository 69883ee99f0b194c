"""Installs Debian's packages, or says in one line which command would.

Uses the standard library only: it runs before there is an environment.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class UnprovisionedError(Exception):
    """Something cannot be set up here; the text says what is missing. Tests are skipped with it."""


def cache_dir() -> Path:
    """Return the directory of chroots and tools, kept between runs; create it if absent."""
    home = os.environ.get("PBXBILLING_RIG_CACHE") or Path.home() / ".cache" / "pbxbilling"
    path = Path(home).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked() -> Iterator[None]:
    """Lock the cache against other processes that set something up at the same time."""
    with (cache_dir() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require(what: str, *packages: str, options: Sequence[str] = ()) -> None:
    """Install packages to get `what`, which is missing.

    Raises `UnprovisionedError` with the command for whoever may run it.
    """
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        raise UnprovisionedError(f"{what}: missing; this is no Debian, install it by other means")
    command = f"apt-get install {' '.join(packages)}"
    if os.geteuid() != 0:
        how = f"sudo {command}" if shutil.which("sudo") else f"as root, {command}"
        raise UnprovisionedError(f"{what}: missing; {how}")
    print(f"{what}: missing; {command} …", flush=True)
    with locked():
        apt_get("install", "--yes", "--no-install-recommends", *options, *packages)


def apt_get(*arguments: str, cwd: str | None = None) -> None:
    """Run apt-get; when the first attempt fails, refresh the package lists and retry once.

    Raises `UnprovisionedError` with its last line.
    """
    try:
        run("apt-get", *arguments, cwd=cwd)
    except UnprovisionedError:
        run("apt-get", "update", "--quiet")
        run("apt-get", *arguments, cwd=cwd)


def run(*command: str, cwd: str | None = None) -> None:
    """Run a command. Raises `UnprovisionedError` with the last line that it says."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        name = Path(command[0]).name
        raise UnprovisionedError(f"{name} {command[1]} failed: {last_line(done.stdout)}")


def last_line(output: str) -> str:
    """Return the last line of what a program said."""
    lines = output.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
