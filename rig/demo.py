"""`make run`: two tenants call through a real Asterisk, and one of them wants more than its plan.

Where no Asterisk can be set up, a virtual PBX takes its place.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from pbxbilling.cli.connection import get, put
from rig import provision, sipp
from rig.asterisk import Asterisk
from rig.board import Board
from rig.program import PROGRAM
from rig.settings import Settings
from rig.site import AMI_SECRET, claimed_block, free_port
from rig.virtualpbx import VirtualPbx
from rig.waiting import patience_s, until

ROOT = Path(__file__).parent.parent
LIMIT = 2
ACCOUNTS = f"""
[plan.two-calls]
max_calls = {LIMIT}
[plan.unlimited]
[tenant.acme]
plan = "two-calls"
accountcodes = ["acme"]
[tenant.globex]
plan = "unlimited"
"""
CALLS = {"acme": 5, "globex": 3}  # at once, in every wave
TALK_S = 2.0


class Desk:
    """The demo's daemon, with its files under one directory."""

    def __init__(
        self,
        directory: Path,
        ami: tuple[str, int],
        secret: str,
        hook: str,
        picture: Path | None = None,
    ) -> None:
        self.directory = directory
        self._picture = picture
        self.config = directory / "pbxbilling.toml"
        self.board = Board(self.get, Console(highlight=False))
        self.config.write_text(
            f'mode = "enforce"\n[database]\nurl = "sqlite:///{directory}/pbxbilling.db"\n'
            f'[agi]\nlisten = "{hook}"\n[http]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'admin = "{directory}/admin.sock"\n[[pbx]]\nname = "pbx1"\nhost = "{ami[0]}"\n'
            f'port = {ami[1]}\nusername = "pbxbilling"\nsecret = "{secret}"\n'
            'trunks = ["PJSIP/carrier*"]\n'
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """Run the daemon for the block, which begins with accounts in force and counts correct."""
        with (self.directory / "daemon.log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, "serve", "-c", self.config],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            until((self.directory / "admin.sock").exists, "the daemon listens")
            until(lambda: self.get("/status")["ready"], "the daemon has reconciled")
            put(self.config, "/accounts", text=ACCOUNTS, source="demo", reset=True)
            with self.board.shown():
                yield
            self.summary()
        finally:
            process.terminate()
            process.wait(patience_s(20))

    def get(self, path: str, **query: Any) -> Any:
        """Return an answer of the API; quicker than the command line."""
        return get(self.config, path, **query)

    def summary(self) -> None:
        """Print what is on record at the end, as soon as all of it is."""
        until(self._is_on_record, "the last calls are on record")
        self.board.count_refusals()
        print(f"{'tenant':10}{'answered':>10}{'seconds':>10}{'billed minutes':>16}{'refused':>10}")
        for row in self.get("/usage"):
            seconds = round(row["outbound_seconds"], 1)
            tenant = row["tenant"] or "(unknown)"  # a call whose hook came too late
            print(
                f"{tenant:10}{row['outbound_calls']:>10}{seconds:>10}"
                f"{row['outbound_minutes']:>16}{self.board.refused[tenant]:>10}"
            )
        print(f"\nlog: {self.directory}/daemon.log   ask: pbxbilling … -c {self.config}")

    def wave(self) -> None:
        """Show the board at the height of a wave, with the wave's decisions on record."""
        until(lambda: not self.get("/status")["store"]["pending"], "the decisions are on record")
        self.board.wave()
        if self._picture is not None:
            self.board.save(self._picture)

    def _is_on_record(self) -> bool:
        status = self.get("/status")
        return not status["calls"] and not status["store"]["pending"]


def with_asterisk(directory: Path, waves: int, picture: Path | None = None) -> Desk:
    """Run calls from SIPp through a private Asterisk 22."""
    hook = f"127.0.0.1:{free_port()}"
    with (
        claimed_block() as block,
        Asterisk(
            provision.ASTERISK_22, directory / "asterisk", block, Settings(hook=hook)
        ) as asterisk,
        sipp.answer(directory / "carrier", block.carrier()),
    ):
        desk = Desk(directory, asterisk.ami, AMI_SECRET, hook, picture)
        with desk.open():
            for wave in range(waves):
                callers = [
                    sipp.call(
                        directory / f"{tenant}-{wave}",
                        block.pbx,
                        block.phone(tenant),
                        "0155501",
                        count=count,
                        hold_s=TALK_S,
                    )
                    for tenant, count in CALLS.items()
                ]
                for calls, count in zip(callers, CALLS.values(), strict=True):
                    calls.await_count("final", count)
                desk.wave()
                for calls in callers:
                    calls.finish()
            asterisk.wait_idle()
            until(lambda: not desk.get("/calls"), "no call is live")
    return desk


async def with_virtual_pbx(directory: Path, waves: int) -> Desk:
    """Run the same calls on a PBX that only speaks AMI and calls the hook."""
    hook = ("127.0.0.1", free_port())
    async with VirtualPbx("pbx1", hook=hook, username="pbxbilling", secret=AMI_SECRET) as pbx:
        desk = Desk(directory, ("127.0.0.1", pbx.port), AMI_SECRET, f"{hook[0]}:{hook[1]}")
        opened = desk.open()
        await asyncio.to_thread(opened.__enter__)
        try:
            for _ in range(waves):
                async with asyncio.TaskGroup() as calls:
                    for tenant, count in CALLS.items():
                        for _ in range(count):
                            calls.create_task(pbx.call(tenant, "0155501", talk_s=TALK_S))
                    await asyncio.sleep(TALK_S / 2)
                    await asyncio.to_thread(desk.wave)
        finally:
            await asyncio.to_thread(opened.__exit__, *sys.exc_info())
    return desk


def _obstacle() -> str | None:
    """Set up an Asterisk; return why that fails, or None."""
    obstacle = provision.obstacle()
    if obstacle is None:
        print("an Asterisk 22 of its own (the first time it is set up, which takes minutes) …")
        try:
            provision.chroot(provision.ASTERISK_22)
            provision.tool("sipp")
        except provision.UnprovisionedError as reason:
            return str(reason)
    return obstacle


def main() -> int:
    """Run the demo; return 1 where the limited tenant was not held to its plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--waves", type=int, default=5)
    parser.add_argument("--virtual", action="store_true", help="no Asterisk: the virtual PBX")
    parser.add_argument("--picture", type=Path, help="save the last wave as an SVG (docs/images)")
    parser.add_argument("--dir", type=Path, default=ROOT / "var")
    options = parser.parse_args()
    obstacle = "asked for" if options.virtual else _obstacle()
    directory = options.dir / f"demo-{os.getpid()}"
    for old in options.dir.glob("demo-*"):
        shutil.rmtree(old, ignore_errors=True)
    directory.mkdir(parents=True)
    began = time.monotonic()
    if obstacle is None:
        desk = with_asterisk(directory, options.waves, options.picture)
    else:
        print(f"on a virtual PBX: {obstacle}")
        desk = asyncio.run(with_virtual_pbx(directory, options.waves))
    held = desk.board.refused["acme"] > 0 and desk.board.refused["globex"] == 0
    print(f"{time.monotonic() - began:.0f} s; acme held to {LIMIT} calls: {held}")
    return 0 if held else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
