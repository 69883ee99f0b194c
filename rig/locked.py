"""What the lock holds, and how it is installed: nothing else is fetched from a package index.

`deploy/lock/NAME.txt` (docs/decisions/0021-a-locked-supply.md) names every release by version and
by the hashes of its files. Uses the standard library only: it runs before there is an environment.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rig import quietly

DEVELOPMENT = Path("deploy/lock/development.txt")
"""What development and CI have: runtime, build and test tools. A path from the root."""
RUNTIME = Path("deploy/lock/runtime.txt")
"""What an installation has."""
BUILD = Path("deploy/lock/build.txt")
"""What a wheel is built with."""

_RELEASE = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$"
)
_HASH = re.compile(r"^    --hash=(sha256:[0-9a-f]{64})(?: \\)?$")
_VIA = re.compile(r"^    # (?:via|  ) ?([\w.-]+)(?: \(.+\))?$")
# They would install elsewhere than into the environment, or look for modules outside of it.
_MISLEADING = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PYTHONHOME", "PYTHONPATH")
_OURS = "pbxbilling"
_VENVS_OWN = frozenset({"pip", "setuptools", "wheel"})


@dataclass(frozen=True, slots=True)
class Release:
    """One locked release; `via` names the projects that require it, ours among them."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: tuple[str, ...]


def normal(name: str) -> str:
    """Return a project's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def releases(lock: Path) -> list[Release]:
    """Return what a lock holds, in its order. Raises ValueError for a line that locks nothing."""
    return list(_releases(lock.read_text().splitlines()))


def _releases(lines: list[str]) -> Iterator[Release]:
    entry: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("    "):
            entry.append(line)
            continue
        if entry:
            yield _release(entry)
        entry = [line] if line and not line.startswith("#") else []


def _release(entry: list[str]) -> Release:
    head = _RELEASE.match(entry[0])
    hashes = [found[1] for line in entry if (found := _HASH.match(line))]
    if head is None or not hashes:
        raise ValueError(f"not locked by version and hash: {entry[0]}")
    via = [found[1] for line in entry[1:] if (found := _VIA.match(line))]
    return Release(
        normal(head["name"]),
        head["version"],
        head["marker"] or "",
        tuple(hashes),
        tuple(normal(name) for name in via),
    )


def install(python: Path, lock: Path, log: Path, *, cwd: Path) -> None:
    """Install what a lock holds into an environment, and remove what it does not hold.

    Wheels alone: to build one from a source archive, pip would fetch tools that nothing locks.
    Raises `FailedError`.
    """
    pip(
        python,
        *("install", "--only-binary=:all:", "--require-hashes", "--requirement", str(lock)),
        log=log,
        cwd=cwd,
    )
    strays = sorted(_installed(python) - {one.name for one in releases(cwd / lock)})
    if strays:
        pip(python, "uninstall", "--yes", *strays, log=log, cwd=cwd)


def _installed(python: Path) -> set[str]:
    listing = [str(python), "-I", "-m", "pip", "list", "--format=json"]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True, env=settings())
    names = {normal(each["name"]) for each in json.loads(listed.stdout)}
    return names - _VENVS_OWN - {_OURS}


def pip(python: Path, command: str, *arguments: str, log: Path, cwd: Path) -> None:
    """Run one of pip's commands in an environment. Raises `FailedError`."""
    quietly.run(
        [str(python), "-I", "-m", "pip", command, "--quiet", "--no-input", *arguments],
        log,
        cwd=cwd,
        environment=settings(),
    )


def settings() -> dict[str, str]:
    """Return the environment for pip without what would lead it elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return {**kept, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
