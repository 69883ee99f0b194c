"""Builds the Debian packages, each in a chroot of its release: `python -m rig.packages`.

The chroots are kept in the cache of `rig.provision`, and so are the packages, by a digest of all
that goes into them. What a package contains, and how it gets there, is in deploy/debian.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from rig.bare import LENT, at_their_place, lent_for, make_room, settings_of_pip
from rig.bases import grown
from rig.debian import UnprovisionedError, cache_dir, last_line
from rig.locked import RUNTIME
from rig.sbom import bill

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = Path("deploy/debian")
RECIPE = 1
"""Increase when the way of building changes here."""

BUILD_PACKAGES = (
    *("gcc", "libc6-dev", "python3-dev", "python3-venv", "debhelper", "lintian", "ca-certificates"),
)
SOURCES = (
    *("src", "config", "deploy", "docs", "rig/__init__.py", "rig/manual.py"),
    *("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE"),
)
_COMPILED = (
    *("src", "config", "deploy/lock/build.txt"),
    *("pyproject.toml", "README.md", "LICENSE", "NOTICE"),
)
_TREE = "pbxbilling"
_KEPT = 4
_CACHES = shutil.ignore_patterns("__pycache__", "*.pyc")
_LOGIN = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",
    "LC_ALL": "C.UTF-8",
}
_BUILD = """
root=$1; shift
mount --bind "$root" "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$1" "$root/mnt"; shift
while [ "$1" != -- ]; do mount --bind "$1" "$root/lent$1"; shift; done
shift
cd /
exec chroot "$root" env --chdir=/mnt/pbxbilling -i "$@"
"""


@dataclass(frozen=True, slots=True)
class Debian:
    """One release of Debian that there is a package for."""

    suite: str
    number: int
    """12 or 13."""
    python: str
    """The tag of its Python, cp311."""


BOOKWORM = Debian("bookworm", 12, "cp311")
TRIXIE = Debian("trixie", 13, "cp313")
DEBIANS = (BOOKWORM, TRIXIE)


def version() -> str:
    """Return the version of this checkout."""
    written: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return in_order(written)


def in_order(version: str) -> str:
    """Return a version of Python's as Debian orders it: a candidate comes before its release."""
    return re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version)


def version_for(debian: Debian) -> str:
    """Return the version of a package; an upgrade of Debian is one of the package."""
    return f"{version()}+deb{debian.number}"


def built(debian: Debian) -> Path:
    """Return the package of this checkout; the first time takes minutes.

    Raises `UnprovisionedError` with the reason when it cannot be built.
    """
    target = cache_dir() / "packages" / f"{debian.suite}-{_digest(SOURCES)}"
    target.parent.mkdir(exist_ok=True)
    with (target.parent / f"{debian.suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            print(f"building the package for Debian {debian.number} ...", file=sys.stderr)
            scratch = Path(tempfile.mkdtemp(prefix=f"{debian.suite}.", dir=target.parent))
            try:
                build(debian, scratch)
                scratch.rename(target)
                _forget_older(target.parent.glob(f"{debian.suite}-*"))
                _forget_older(_kept_wheels(debian).parent.glob(f"{debian.python}-*"))
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    (package,) = target.glob("*.deb")
    return package


def _forget_older(kept: Iterable[Path]) -> None:
    """Remove all but the last few: every change of the sources leaves one."""
    for path in sorted(kept, key=lambda one: one.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def build_chroot(suite: str) -> Path:
    """Return the root of a Debian with what packages are built and checked with."""
    return grown(f"build-{suite}", suite, BUILD_PACKAGES)


def build(debian: Debian, scratch: Path) -> Path:
    """Build the package in an empty folder, whatever is in the cache; return it.

    The same checkout and $SOURCE_DATE_EPOCH give the same bytes. Raises as `built`.
    """
    tree = scratch / _TREE
    for name in SOURCES:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=_CACHES)
        else:
            shutil.copy(ROOT / name, tree / name)
    shutil.copytree(tree / PACKAGING, tree / "debian")
    (tree / "debian/changelog").write_text(changelog(debian))
    wheel = _wheel(debian)
    if wheel:
        (tree / "dist").mkdir()
        shutil.copy(wheel, tree / "dist")
    for path in (tree, *tree.rglob("*")):  # when it was checked out is nobody's matter
        os.utime(path, (source_date_epoch(),) * 2)
    command = ("dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps")
    _run(build_chroot(debian.suite), scratch, command, scratch / "build.log")
    if wheel is None:
        (made,) = (tree / "dist").glob("*.whl")
        kept = _kept_wheels(debian)
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, kept)
    shutil.rmtree(tree)
    (package,) = scratch.glob("*.deb")
    return package


def _run(chroot: Path, scratch: Path, command: tuple[str, ...], log: Path) -> None:
    """Run a command in the tree under `scratch`. Raises `UnprovisionedError`."""
    pip = settings_of_pip()
    lent = lent_for(pip)
    for path in map(Path, lent):
        make_room(path, Path(f"{chroot}{LENT}{path}"))
    epoch = {"SOURCE_DATE_EPOCH": str(source_date_epoch())}
    environment = {**_LOGIN, **at_their_place(pip), **epoch}
    words = [f"{name}={value}" for name, value in environment.items()]
    with log.open("ab") as output:
        done = subprocess.run(
            [
                *("unshare", "--mount", "--propagation", "private", "sh", "-ec", _BUILD, "sh"),
                *(str(chroot), str(scratch), *lent, "--", *words, *command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        kept = cache_dir() / f"{chroot.name}.log"
        shutil.copy(log, kept)
        said = last_line(log.read_text(errors="replace"))
        raise UnprovisionedError(f"{command[0]} failed: {said} ({kept})")


def lint(package: Path, debian: Debian) -> str:
    """Return what that release's lintian says of a package; empty where it has nothing to say."""
    command = ("lintian", "--tag-display-limit", "0", f"/mnt/{package.name}")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / _TREE).mkdir()
        shutil.copy(package, scratch)
        log = scratch / "lintian.log"
        _run(build_chroot(debian.suite), scratch, ("sh", "-c", '"$0" "$@" || true', *command), log)
        return log.read_text()


def changelog(debian: Debian) -> str:
    """Return a changelog of one entry: CHANGELOG.md, which is installed beside it, has the rest."""
    at = format_datetime(datetime.fromtimestamp(source_date_epoch(), UTC))
    maintainer = re.search(r"(?m)^Maintainer: (.*)$", (ROOT / PACKAGING / "control").read_text())
    if maintainer is None:
        raise UnprovisionedError(f"{PACKAGING}/control names no maintainer")
    return (
        f"pbxbilling ({version_for(debian)}) {debian.suite}; urgency=medium\n\n"
        f"  * Release {version()}; what it changes: changelog.gz.\n\n"
        f" -- {maintainer[1]}  {at}\n"
    )


def source_date_epoch() -> int:
    """Return the time of what is built: $SOURCE_DATE_EPOCH, else that of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
        given = "0"  # an archive of the sources has no commits, and its reader perhaps no git
        with contextlib.suppress(FileNotFoundError):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            given = done.stdout.strip() or given
    return int(given)


def _wheel(debian: Debian) -> Path | None:
    """Return a wheel of these sources for that Python: built here before, or by `make wheel`."""
    stamp = ROOT / "build/compiled/installed"
    found = [*_kept_wheels(debian).glob("*.whl")]
    if not found and _is_this_machine(debian) and stamp.exists():
        made = stamp.stat().st_mtime
        if all(path.stat().st_mtime <= made for path in _files(_COMPILED)):
            found = [*(ROOT / "dist").glob(f"*-{debian.python}-*.whl")]
    return found[0] if found else None


def _kept_wheels(debian: Debian) -> Path:
    return cache_dir() / "wheels" / f"{debian.python}-{_digest(_COMPILED)}"


def _is_this_machine(debian: Debian) -> bool:
    release = Path("/etc/os-release")
    return release.exists() and f"VERSION_CODENAME={debian.suite}\n" in release.read_text()


@functools.cache
def _digest(names: tuple[str, ...]) -> str:
    """Return a digest of files and folders of the checkout."""
    found = hashlib.sha256(f"{RECIPE} {os.environ.get('SOURCE_DATE_EPOCH', '')}".encode())
    for path in _files(names):
        found.update(f"\0{path.relative_to(ROOT)}\0{path.stat().st_mode:o}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _files(names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        whole = ROOT / name
        below = sorted(whole.rglob("*")) if whole.is_dir() else [whole]
        yield from (one for one in below if one.is_file() and "__pycache__" not in one.parts)


def main() -> int:
    """Put the packages into dist/, each with its bill of materials (*.cdx.json) beside it.

    Return 1 and print a reason if that fails. `--ahead`: compile the one that `make wheel` compiles
    nothing for, for the tests to come; where that cannot be, they say why.
    """
    ahead = "--ahead" in sys.argv[1:]
    try:
        if ahead:
            built(TRIXIE)
            return 0
        for debian in DEBIANS:
            package = built(debian)
            (ROOT / "dist").mkdir(exist_ok=True)
            print(shutil.copy(package, ROOT / "dist"))
            beside = ROOT / "dist" / f"{package.stem}.cdx.json"
            beside.write_text(bill(ROOT / RUNTIME, package, source_date_epoch()))
    except UnprovisionedError as reason:
        print(f"no package: {reason}", file=sys.stderr)
        return 0 if ahead else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
