"""A booted Debian with a PBX beside it that nobody set up: a package, or a page, is tried there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from rig import provision
from rig.asterisk import Asterisk
from rig.booted import Booted
from rig.running import Running
from rig.settings import Settings
from rig.site import Block

PORTS = (4573, 4590, 8080, 8081)
"""What daemon and web process listen on where nothing else is written, and the port of 0.1."""

_RIG = Path(__file__).resolve().parent
_CONSOLE = """#!/bin/sh
PYTHONPATH=/lent exec python3 -B -m rig.console /run/asterisk/asterisk.ctl "$@"
"""


class BootedSite(Running):
    """The rig's Asterisk with its folders bound into a booted machine, whose loopback is ours.

    Whoever starts it claims `PORTS` before.
    """

    def __init__(
        self,
        suite: str,
        directory: Path,
        block: Block,
        what: Settings,
        binds: Mapping[Path, str],
        *more: str,
    ) -> None:
        """`binds` and `more` as those of `Booted`. Raises `UnprovisionedError`."""
        self.block = block
        self.asterisk = Asterisk(provision.ASTERISK_22, directory / "asterisk", block, what)
        home = self.asterisk.directory
        there = {
            _RIG: "/lent/rig",
            home: "/rig",  # where its asterisk.conf says that its journal is
            home / "etc": "/etc/asterisk",
            home / "run": "/run/asterisk",
            home / "log": "/var/log/asterisk",
        }
        self.machine = Booted(suite, directory, {**there, **binds}, *more)

    def start(self) -> Self:
        """Start both."""
        self.asterisk.start()
        self.machine.start()
        console = self.machine.root / "usr/local/bin/asterisk"
        console.write_text(_CONSOLE)
        console.chmod(0o755)
        return self

    def stop(self) -> None:
        """Stop both."""
        self.machine.stop()
        self.asterisk.stop()
