"""A booted Debian on which the package is installed, and a PBX beside it that nobody set up."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from rig import packages, plain
from rig.booted_site import BootedSite
from rig.packages import Debian
from rig.phone import Phone
from rig.site import Block
from rig.waiting import until

BEFORE = "0.0.9"
"""The release before, as `before` makes one."""


class PackagedSite(BootedSite):
    """Such a site, and a package of its release at hand."""

    def __init__(self, debian: Debian, directory: Path, block: Block, *more: str) -> None:
        """`more` are options of nspawn. Raises `UnprovisionedError`."""
        self.debian = debian
        self.package = packages.built(debian)
        self._lent = directory / "packages"
        self._lent.mkdir()
        binds = {self.package: "/packages/new.deb", self._lent: "/packages/made"}
        super().__init__(debian.suite, directory, block, plain.settings(block), binds, *more)

    def before(self) -> str:
        """Return where the machine finds a package of the release before: all but its numbers."""
        tree = self._lent / "tree"
        _dpkg_deb("--raw-extract", self.package, tree)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub("(?m)^Version: .*$", f"Version: {BEFORE}", control.read_text()))
        (program,) = tree.glob("usr/lib/pbxbilling/lib/*/site-packages/pbxbilling/__init__.py")
        text = re.sub('(?m)^__version__ = ".*"$', f'__version__ = "{BEFORE}"', program.read_text())
        program.write_text(text)
        _dpkg_deb("-Zgzip", "-z1", "--build", tree, self._lent / "before.deb")
        return "/packages/made/before.deb"

    def install(self, package: str = "/packages/new.deb") -> str:
        """Install a package as people do; return what was printed."""
        return self.machine.says(f"apt-get install --yes --quiet=2 {package}")

    def ready(self) -> None:
        """Return when the daemon says that every count is reliable."""
        until(lambda: "ready: " in self.machine.run("pbxbilling", "status").stdout, "it is ready")

    def pid(self) -> int:
        """Return the process of the unit; 0 where it does not run."""
        return int(self.machine.says("systemctl show --property MainPID --value pbxbilling"))

    def starts(self) -> int:
        """Return how often the daemon has started."""
        logged = self.machine.says("journalctl --unit pbxbilling --output cat")
        return logged.count('"event":"ready"')

    def set_up(self) -> str:
        """Connect the PBX; return what was printed."""
        return self.machine.says("pbxbilling setup asterisk --yes")

    def apply(self, accounts: str) -> None:
        """Apply a file of accounts."""
        (self.machine.root / "root/accounts.toml").write_text(accounts)
        self.machine.says("pbxbilling apply /root/accounts.toml")

    def phone(self) -> Phone:
        """Return acme's phone."""
        return Phone(self.block.phone("acme"), self.block.pbx)

    def carrier(self) -> Phone:
        """Return a carrier that answers."""
        return Phone(self.block.carrier(), self.block.pbx, answers=True)


def _dpkg_deb(*words: str | Path) -> None:
    command = ["dpkg-deb", "--root-owner-group", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)
