"""A minimal Debian in a chroot, with a copy of this checkout: what a newcomer starts with."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rig import provision
from rig.waiting import patience_s

CHECKOUT = "/mnt"
NOBODY = "65534"

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "var"
)
"""What a fresh clone does not have: for `shutil.copytree`."""

_LOGIN = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8")
_PATH = re.compile(r"(?:(?<=^)|(?<=\s)|(?<=file://))/[^\s']+")
LENT = "/lent"  # where this machine's files are: packages of the other one may own their paths
_START = """
root=$1 checkout=$2 user=$3; shift 3
mount --bind "$root" "$root"
mount --bind "$checkout" "$root/mnt"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do mount --bind "$1" "$root/lent$1"; shift; done
shift
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups env --chdir=/mnt -i "$@"
"""


class Bare:
    """One machine; `run` starts a process on it, in a mount namespace that ends with it.

    Every user may write to the checkout, only root to the machine: `of_its_own` makes a copy of it.
    """

    def __init__(self, suite: str, directory: Path, source: Path, *, of_its_own: bool) -> None:
        """Raises `UnprovisionedError`."""
        self.suite = suite
        self.root = provision.bare(suite)
        self.checkout = directory / "checkout"
        shutil.copytree(source, self.checkout, ignore=LEFT_OUT)
        if of_its_own:
            own = directory / suite
            subprocess.run(["cp", "-a", self.root, own], check=True)
            self.root = own
            (own / "etc/hosts").write_text("127.0.0.1 localhost\n")  # an installer would write it
        self._pip = settings_of_pip() if of_its_own else {}
        self.give_to("0")

    def give_to(self, user: str) -> None:
        """Make a user, by number, the owner of the checkout."""
        subprocess.run(["chown", "-R", f"{user}:{user}", self.checkout], check=True)

    def run(
        self, *command: str, user: str = "0", online: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout; a machine of its own has this one's pip configuration."""
        pip = self._pip if online else {"PIP_RETRIES": "1"}
        lent = lent_for(pip)
        for path in map(Path, lent):
            make_room(path, Path(f"{self.root}{LENT}{path}"))
        settings = [f"{name}={value}" for name, value in at_their_place(pip).items()]
        isolated = ("unshare", "--mount", "--propagation", "private")
        return subprocess.run(
            [
                *(isolated if online else (*isolated, "--net")),
                *("sh", "-ec", _START, "sh", str(self.root), str(self.checkout), user),
                *(*lent, "--", *_LOGIN, *settings, *command),
            ],
            capture_output=True,
            text=True,
            timeout=patience_s(900),
            check=False,
        )


def lent_for(pip: Mapping[str, str]) -> list[str]:
    """Return the files and folders of this machine that settings of pip name."""
    named = {path for value in pip.values() for path in _PATH.findall(value)}
    return sorted({_with_its_files(Path(path)) for path in named if Path(path).exists()})


def at_their_place(pip: Mapping[str, str]) -> dict[str, str]:
    """Return settings of pip with each of those where it is lent."""
    return {name: _PATH.sub(_at_its_place, value) for name, value in pip.items()}


def _with_its_files(path: Path) -> str:
    """Return what to lend: an index refers to files beside its own folder."""
    return str(path.parent if path.is_dir() and path.parent != Path("/") else path)


def _at_its_place(path: re.Match[str]) -> str:
    return f"{LENT}{path[0]}" if Path(path[0]).exists() else path[0]


def make_room(path: Path, place: Path) -> None:
    """Create what a file or folder can be mounted over."""
    if path.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def settings_of_pip() -> dict[str, str]:
    """Return pip's configuration on this machine, from files and the environment, as variables."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(\S+)\.([^.\s=]+)='(.*)'$", listed, re.MULTILINE)
    settings = {name: value for place, name, value in found if place != ":env:"}
    settings |= {name: value for place, name, value in found if place == ":env:"}
    return {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
