"""Installs what the rig needs from Debian: two Asterisk releases and a few tools.

The releases live in chroots under `$PBXBILLING_RIG_CACHE` (default ~/.cache/pbxbilling), outside
the checkout, and are built once. `python -m rig.provision` builds everything; the tests build what
they use. Where something is unavailable, `UnprovisionedError` gives a reason a person can act on.
"""

import functools
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.debian import UnprovisionedError as UnprovisionedError  # noqa: PLC0414 - known from here too
from rig.debian import apt_get, last_line, locked, require, run
from rig.debian import cache_dir as cache_dir  # noqa: PLC0414

RECIPE = 1
"""Increase when `PACKAGES` or `_finish` change: chroots of an older recipe are then not used."""

PACKAGES = (
    "asterisk",
    "asterisk-modules",
    "asterisk-core-sounds-en",
    "asterisk-core-sounds-en-gsm",
)


@dataclass(frozen=True, slots=True)
class Release:
    """One Asterisk release and the Debian suite that carries it."""

    major: int
    suite: str


BARE_PACKAGES = ("make", "python3")
"""All that a bare machine has beside a minimal Debian; git brings the checkout."""

BARE_SUITES = ("bookworm", "trixie")

ASTERISK_22 = Release(22, "sid")
ASTERISK_16 = Release(16, "bullseye")

TOOLS = {
    "debootstrap": "debootstrap",
    "openssl": "openssl",
    "rsync": "rsync",
    "sipp": "sip-tester",
    "systemd-analyze": "systemd",
    "systemd-nspawn": "systemd-container",
}
"""Program → Debian package to install when the program is missing."""

MOSQUITTO = (
    "mosquitto",
    "mosquitto-clients",
    "libmosquitto1",
    "libcjson1",
    "libdlt2",
    "libwrap0",
)
"""The broker, its clients, and those of their libraries that not every Debian has."""


POSTGRES_OLDEST = 15


@functools.cache
def obstacle() -> str | None:
    """Return why this machine cannot run the rig at all, or None."""
    if sys.platform != "linux" or not Path("/etc/debian_version").exists():
        return "the rig is set up from Debian packages, and this is no Debian"
    if os.geteuid() != 0:
        return "the rig needs root (chroot, mount namespaces, apt-get)"
    trial = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode:
        return f"mounting is not permitted here: {last_line(trial.stderr)}"
    return None


@functools.cache
def tool(name: str) -> Path:
    """Return the path of one of `TOOLS`; install it from Debian if it is missing."""
    found = shutil.which(name)
    if found is None:
        require(name, TOOLS[name])
        found = shutil.which(name)
    if found is None:
        raise UnprovisionedError(f"Debian's package {TOOLS[name]} brought no {name}")
    return Path(found)


@functools.cache
def compiler() -> str:
    """Return the C compiler for extensions of this Python, with its headers beside it.

    What is missing is installed from Debian, in one go.
    """
    named = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    name = shlex.split(named)[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    lacking = {
        f"the C compiler {name}": (shutil.which(name), "build-essential"),
        f"Python's headers ({header})": (header.exists(), f"python{_version()}-dev"),
    }
    absent = {what: package for what, (there, package) in lacking.items() if not there}
    if absent:
        require(" and ".join(absent), *absent.values())
    if shutil.which(name) is None or not header.exists():
        raise UnprovisionedError(f"Debian's packages brought no {name}, or no {header}")
    return name


def _version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


@functools.cache
def mosquitto() -> Path:
    """Return the root of Debian's Mosquitto; unpacked, as installing it would start a server."""
    return _unpacked("mosquitto", *MOSQUITTO)


@functools.cache
def nginx() -> Path:
    """Return the path of Debian's nginx, unpacked for the same reason."""
    return _unpacked("nginx", "nginx") / "usr/sbin/nginx"


@functools.cache
def postgres() -> Path:
    """Return the folder of PostgreSQL's programs, 15 or newer.

    Raises `UnprovisionedError` where there are none: the fast suite installs no server.
    """
    found = _installed_postgres()
    if found is None:
        raise UnprovisionedError("PostgreSQL: missing; `make provision` as root installs it")
    return found


def install_postgres() -> None:
    """Install PostgreSQL, unless it is there. Raises `UnprovisionedError`.

    Debian's package would start a server at once: it is told not to, on a machine that has none.
    """
    if _installed_postgres() is None:
        _require_no_obstacle()
        if not _NO_CLUSTER.exists():
            _NO_CLUSTER.parent.mkdir(exist_ok=True)
            _NO_CLUSTER.write_text("create_main_cluster = false\n")
        require("PostgreSQL", "postgresql", options=("-o", "Dpkg::Options::=--force-confold"))


_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


def _installed_postgres() -> Path | None:
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    releases = {int(one.parents[1].name): one.parent for one in found}
    newest = max(releases, default=0)
    return releases[newest] if newest >= POSTGRES_OLDEST else None


@functools.cache
def faketime() -> Path:
    """Return Debian's libfaketime for programs with threads, to be preloaded."""
    root = _unpacked("faketime", "libfaketime")
    found = next(root.glob("usr/lib/*/faketime/libfaketimeMT.so.1"), None)
    if found is None:
        raise UnprovisionedError("Debian's package libfaketime brought no libfaketimeMT.so.1")
    return found


def _unpacked(name: str, *packages: str) -> Path:
    """Return the root of these packages in the cache, which is complete or absent."""
    target = cache_dir() / name
    if not target.exists():
        _require_no_obstacle()
        with locked():
            if not target.exists():
                scratch = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache_dir()))
                try:
                    _unpack(scratch, *packages)
                    scratch.rename(target)
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
    return target


@functools.cache
def promtool() -> Path:
    """Return the path of Prometheus' promtool.

    It is unpacked and not installed: an installed package starts a server.
    """
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    target = cache_dir() / "bin" / "promtool"
    if not target.exists():
        _require_no_obstacle()
        with locked(), tempfile.TemporaryDirectory(dir=cache_dir()) as scratch:
            _unpack(Path(scratch), "prometheus")
            target.parent.mkdir(exist_ok=True)
            Path(scratch, "usr/bin/promtool").replace(target)
    return target


@functools.cache
def chroot(release: Release) -> Path:
    """Return the root of a ready-to-run Asterisk of that release; the first time takes a minute.

    Raises `UnprovisionedError` with the reason when it cannot be built.
    """
    name = f"asterisk-{release.major}-recipe-{RECIPE}"
    return _chroot(name, release.suite, PACKAGES, functools.partial(_finish, release))


@functools.cache
def bare(suite: str) -> Path:
    """Return the root of a minimal Debian with `BARE_PACKAGES`. Raises as `chroot`."""
    return _chroot(f"bare-{suite}-recipe-{RECIPE}", suite, BARE_PACKAGES, _drop_packages)


def _chroot(name: str, suite: str, packages: Sequence[str], finish: Callable[[Path], None]) -> Path:
    """Debootstrap under a temporary name; the real name appears only when all is there."""
    target = cache_dir() / name
    _require_no_obstacle()
    if target.exists():
        return target
    debootstrap = tool("debootstrap")
    with locked():
        if target.exists():
            return target
        print(f"building {target} (once) ...", file=sys.stderr)
        scratch = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache_dir()))
        try:
            scratch.chmod(0o755)
            included = f"--include={','.join(packages)}"
            run(str(debootstrap), "--variant=minbase", included, suite, str(scratch))
            finish(scratch)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _finish(release: Release, root: Path) -> None:
    """Cut the chroot off from DNS, and check what it contains.

    Asterisk looks up its host's name for every INVITE; with DNS that takes seconds.
    """
    version = subprocess.run(
        ["chroot", str(root), "asterisk", "-V"], capture_output=True, text=True, check=False
    ).stdout
    if not version.startswith(f"Asterisk {release.major}."):
        raise UnprovisionedError(
            f"Debian {release.suite} carries {version.strip() or 'no Asterisk'}"
        )
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/hosts").touch()  # each instance mounts its own
    (root / "rig").mkdir()
    _drop_packages(root)


def _drop_packages(root: Path) -> None:
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()


def _require_no_obstacle() -> None:
    reason = obstacle()
    if reason:
        raise UnprovisionedError(reason)


def _unpack(root: Path, *packages: str) -> None:
    """Unpack Debian packages under `root` without running any of their scripts."""
    apt_get("download", *packages, cwd=str(root))
    for package in root.glob("*.deb"):
        run("dpkg-deb", "--extract", str(package), str(root))
        package.unlink()


def everything() -> None:
    """Build and install whatever the tests use. Raises `UnprovisionedError`."""
    print(f"C compiler: {compiler()}")
    for release in (ASTERISK_22, ASTERISK_16):
        print(f"Asterisk {release.major}: {chroot(release)}")
    for suite in BARE_SUITES:
        print(f"Debian {suite}: {bare(suite)}")
    for name in TOOLS:
        print(f"{name}: {tool(name)}")
    print(f"promtool: {promtool()}")
    print(f"Mosquitto: {mosquitto()}")
    print(f"nginx: {nginx()}")
    print(f"libfaketime: {faketime()}")
    install_postgres()
    print(f"PostgreSQL: {postgres()}")


def main() -> int:
    """Set up everything, or with `compiler` that alone; return 1 and print a reason if it fails.

    Tests skip what they lack, so only in CI is it a failure that a machine lacks something.
    """
    only_compiler = sys.argv[1:] == ["compiler"]
    try:
        compiler() if only_compiler else everything()
    except UnprovisionedError as reason:
        print(f"not set up: {reason}", file=sys.stderr)
        return 1 if only_compiler or os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
