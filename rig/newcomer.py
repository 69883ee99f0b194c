"""Does what the README tells a newcomer, word for word, on a machine that has only Asterisk.

`python -m rig.newcomer plain|freepbx` unpacks a fresh Debian with Asterisk (an overlay of the
rig's), gives it a site's configuration, cuts the commands out of README.md, and runs them as they
stand. Then a call of a tenant that may have none is placed, and must be refused. It prints how long
each command took. systemd does not run there: `systemctl` is a stand-in that starts what the unit
starts.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rig import plain, provision, settings
from rig.bare import LENT, at_their_place, lent_for, make_room, settings_of_pip
from rig.generated import FREEPBX_17
from rig.phone import Phone
from rig.site import Block, claimed_block
from rig.waiting import patience_s, until

ROOT = Path(__file__).parent.parent
_HEADING = "## Install and set up"
_STAND_INS = {
    "systemd-sysusers": """#!/bin/sh
exec useradd --system --home-dir /var/lib/pbxbilling --create-home --groups asterisk pbxbilling
""",
    "systemctl": """#!/bin/sh
case "$1" in
  enable|start) exec sh -c "$(sed -n 's/^ExecStart=//p' /etc/systemd/system/pbxbilling.service) \\
    >/var/log/pbxbilling.log 2>&1 & mkdir -p /run/pbxbilling; sleep 5" ;;
  is-active) exit 3 ;;
esac
""",
}
"""Where systemd does not run: the user is made, and what the unit starts is started."""

_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
"""The rig has cut its Debian off from DNS."""

_LOGIN = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm",
    "DEBIAN_FRONTEND": "noninteractive",
}

_DEBIANS = {
    "plain": frozenset({"modules.conf", "manager.conf", "cel.conf", "cel_custom.conf"}),
    "freepbx": frozenset({"modules.conf"}),
}
"""Files that stay as Debian's package has them."""

_ACCOUNTS = """
[plan.none]
max_calls = 0
[tenant.acme]
plan = "none"
mode = "enforce"
accountcodes = ["acme"]
"""


def commands() -> list[str]:
    """Return the commands of the README's section, one a line, without comments."""
    section = (ROOT / "README.md").read_text().split(_HEADING)[1].split("\n## ")[0]
    lines = "\n".join(re.findall(r"```\n(.*?)```", section, re.DOTALL)).splitlines()
    return [text for line in lines if (text := line.partition("#")[0].strip())]


class Machine:
    """A fresh Debian with Asterisk in a chroot of its own."""

    def __init__(self, root: Path, pip: Mapping[str, str]) -> None:
        """`pip` are its settings, as variables."""
        self.root = root
        self._environment = {**_LOGIN, **pip}

    def run(self, command: str, *, answer: str = "") -> float:
        """Run a shell command on a terminal of its own; return its seconds.

        `answer` is typed once it asks. Raises RuntimeError with what it printed if it fails.
        """
        began = time.monotonic()
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            ["chroot", self.root, "sh", "-ec", f"cd /root/pbxbilling; {command}"],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=self._environment,
        )
        os.close(follower)
        printed = self._conversation(process, leader, answer)
        os.close(leader)
        if process.wait(patience_s(600)):
            raise RuntimeError(f"{command}:\n{printed}")
        print(f"{time.monotonic() - began:6.1f} s  {command}")
        return time.monotonic() - began

    @staticmethod
    def _conversation(process: subprocess.Popen[bytes], leader: int, answer: str) -> str:
        heard = b""
        while process.poll() is None or select.select([leader], [], [], 0)[0]:
            if not select.select([leader], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(leader, 65536)
            except OSError:
                break
            heard += data
            if answer and b"[y/N]" in heard:
                os.write(leader, answer.encode())
                answer = ""
        return heard.decode(errors="replace")


def _mount(*words: str | Path) -> None:
    subprocess.run(["mount", *words], check=True)


@contextmanager
def machine(release: provision.Release) -> Iterator[Machine]:
    """Mount a fresh Debian over the rig's; what is written there is gone afterwards."""
    lower = provision.chroot(release)
    with tempfile.TemporaryDirectory(prefix="newcomer-") as scratch:
        _mount("-t", "tmpfs", "tmpfs", scratch)
        root, upper, work = (Path(scratch, name) for name in ("root", "upper", "work"))
        for folder in (root, upper, work):
            folder.mkdir()
        layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
        mounted = [root]
        try:
            _mount("-t", "overlay", "overlay", "-o", layers, root)
            pip = settings_of_pip()
            mounted.extend(_bound(Path(path), Path(f"{root}{path}")) for path in _NETWORK)
            lent = (Path(path) for path in lent_for(pip))
            mounted.extend(_bound(path, Path(f"{root}{LENT}{path}")) for path in lent)
            _mount("-t", "proc", "proc", root / "proc")
            mounted.append(root / "proc")
            yield Machine(root, at_their_place(pip))
        finally:
            subprocess.run(["fuser", "--kill", "--mount", root], capture_output=True, check=False)
            for place in reversed(mounted):
                subprocess.run(["umount", "--lazy", place], check=False)
            subprocess.run(["umount", "--lazy", scratch], check=False)


def _bound(path: Path, place: Path) -> Path:
    make_room(path, place)
    _mount("--bind", path, place)
    return place


def _furnish(here: Machine, site: str, block: Block) -> None:
    """Give the machine what a site has before it hears of us: a dialplan, phones, a checkout."""
    shutil.copytree(
        ROOT,
        here.root / "root/pbxbilling",
        ignore=shutil.ignore_patterns(".venv", "build", "dist", "var", ".git", "*_cache"),
    )
    etc = here.root / "etc/asterisk"
    what = plain.settings(block) if site == "plain" else FREEPBX_17.settings(block)
    with tempfile.TemporaryDirectory() as drawn:
        settings.write(Path(drawn), provision.chroot(provision.ASTERISK_22), block, what)
        for name in {"extensions.conf", "pjsip.conf", "site.conf", *what.files} - _DEBIANS[site]:
            (etc / name).parent.mkdir(exist_ok=True)
            shutil.copy(Path(drawn, "etc", name), etc / name)
    for name, text in _STAND_INS.items():
        command = here.root / "usr/local/bin" / name
        command.write_text(text)
        command.chmod(0o755)


def main() -> None:
    """Run the commands, then a call that must be refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", choices=["plain", "freepbx"])
    site = parser.parse_args().site
    if os.environ.get("NEWCOMER_MOUNTS") is None:  # mounts end with the process, however it ends
        own = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            sys.executable,
            "-m",
            "rig.newcomer",
        ]
        os.execvpe("unshare", [*own, site], {**os.environ, "NEWCOMER_MOUNTS": "own"})
    with claimed_block() as block, machine(provision.ASTERISK_22) as here:
        _furnish(here, site, block)
        here.run("asterisk; sleep 3; asterisk -rx 'core waitfullybooted'")
        took = sum(here.run(command, answer="y\n") for command in commands())
        (here.root / "root/pbxbilling/accounts.toml").write_text(_ACCOUNTS)
        took += here.run("pbxbilling apply accounts.toml")
        with Phone(block.phone("acme"), block.pbx) as phone:
            leg = phone.call("0155501")
            until(lambda: leg.state == "ended", "the call is over")
        took += here.run("pbxbilling decisions --refused")
        print(f"status {leg.status}; {took / 60:.1f} minutes in all")
        sys.exit(0 if leg.status == 486 else 1)


if __name__ == "__main__":
    main()
