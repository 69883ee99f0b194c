"""The daemon beside a virtual PBX, with its command line as processes: quick to set up."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from signal import SIGTERM
from typing import Any, Self

import httpx

from pbxbilling.cli.connection import every, get, put
from pbxbilling.runtime.database_url import DatabaseUrl, SqliteUrl
from rig import program
from rig.program import Program, Ran
from rig.site import free_port
from rig.virtualpbx import VirtualPbx
from rig.virtualpbx.pbx import Placed
from rig.waiting import patience_s, until
from tests.support.store.database import create
from tests.support.telemetry.scrape import sample

SECRET = "virtual-only"
NUMBER = "0155501"

_OPERATOR = {"COLUMNS": "220", "SUDO_USER": ""}
"""A wide terminal, and no sudo user."""


class VirtualSite:
    """One PBX in a thread of its own, one daemon as a process; both may be stopped and started."""

    def __init__(
        self,
        directory: Path,
        mode: str = "enforce",
        sections: str = "",
        *,
        database: Path | None = None,
        place: DatabaseUrl | None = None,
        journal: bool = False,
    ) -> None:
        """`sections` are further sections of the configuration, such as `[stripe]`."""
        self.journal = directory / "pbxbilling.csv" if journal else None
        self.directory = directory
        self.sections = sections
        self.config = directory / "pbxbilling.toml"
        self.socket = directory / "admin.sock"
        self.database = database or directory / "pbxbilling.db"
        self.place = place or SqliteUrl(self.database)
        self.hook = ("127.0.0.1", free_port())
        self.http = f"127.0.0.1:{free_port()}"
        self.web = f"127.0.0.1:{free_port()}"
        self.public_url = f"http://{self.web}"
        self.trusted_proxies: list[str] = []
        self._mode = mode
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="virtual pbx")
        self._daemon: Program | None = None
        self._web: Program | None = None
        self._calls: list[Future[Placed]] = []  # a loop holds its tasks weakly only

    def __enter__(self) -> Self:
        self._thread.start()
        self.pbx = VirtualPbx(
            hook=self.hook,
            username="pbxbilling",
            secret=SECRET,
            cel_csv=self.journal,
            login_delay_s=0.0,
        )
        self._done(self.pbx.start())
        self.write_config()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_web()
        self.stop()
        self._done(self.pbx.stop())
        self._done(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(patience_s(5))
        self._loop.close()

    async def _ended(self) -> None:
        """Wait for the calls that the PBX has ended, so that none is left half-way."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), patience_s(5))

    def _done(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(patience_s(10))

    def write_config(self, more: str = "") -> None:
        """Write the configuration; `more` comes first, where top-level keys belong."""
        secret = self.directory / "ami.secret"
        secret.touch(0o600)
        secret.write_text(SECRET)
        self.config.write_text(
            f'{more}\nmode = "{self._mode}"\n'
            f'[database]\nurl = "{self.place.text}"\n'
            f'[agi]\nlisten = "{self.hook[0]}:{self.hook[1]}"\n'
            f'[http]\nlisten = "{self.http}"\nadmin = "{self.socket}"\n'
            f'[web]\nlisten = "{self.web}"\npublic_url = "{self.public_url}"\n'
            f"trusted_proxies = {json.dumps(self.trusted_proxies)}\n"
            f'state = "{self.directory / "web"}"\n'
            f'[[pbx]]\nname = "pbx1"\nhost = "127.0.0.1"\nport = {self.pbx.port}\n'
            f'username = "pbxbilling"\nsecret_file = "{secret}"\ntrunks = ["PJSIP/carrier"]\n'
            + (f'cel_csv = "{self.journal}"\n' if self.journal else "")
            + self.sections
        )

    # --- the daemon ----------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the daemon, and return when it is ready."""
        self.launch()
        until(lambda: self.get("/status")["ready"], "the daemon is ready", 20.0)
        return self

    def launch(self) -> None:
        """Start the daemon, and return when it listens."""
        create(self.place)
        words = ["serve", "-c", str(self.config)]
        self._daemon = Program(words, os.environ, self.directory / "daemon.log")
        daemon = self._daemon
        until(lambda: self.socket.exists() or daemon.poll() is not None, "the daemon listens", 20.0)
        assert daemon.poll() is None, self.log()

    def stop(self, number: int = SIGTERM) -> None:
        """End the daemon, with SIGTERM or another signal."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.send_signal(number)
            daemon.wait(patience_s(20))
            self.socket.unlink(missing_ok=True)

    def start_web(self) -> None:
        """Start `pbxbilling web`, and return when it answers."""
        words = ["web", "-c", str(self.config)]
        self._web = Program(words, os.environ, self.directory / "web.log")
        web = self._web
        until(lambda: web.poll() is not None or self._web_answers(), "the web process answers")
        assert web.poll() is None, (self.directory / "web.log").read_text()

    @property
    def web_pid(self) -> int:
        """The process id of the running web process."""
        assert self._web is not None
        return self._web.pid

    def stop_web(self, number: int = SIGTERM) -> None:
        """End it, with SIGTERM or another signal."""
        web, self._web = self._web, None
        if web is not None:
            web.send_signal(number)
            web.wait(patience_s(20))

    def _web_answers(self) -> bool:
        try:
            httpx.get(f"http://{self.web}/", timeout=patience_s(5))
        except httpx.TransportError:
            return False
        return True

    def ended(self) -> int:
        """Wait until the daemon ends by itself; return its exit status."""
        assert self._daemon is not None
        daemon, self._daemon = self._daemon, None
        status = daemon.wait(patience_s(20))
        self.socket.unlink(missing_ok=True)
        return status

    @property
    def pid(self) -> int:
        """The process id of the running daemon."""
        assert self._daemon is not None
        return self._daemon.pid

    def signal(self, number: int) -> None:
        """Send the daemon a signal."""
        assert self._daemon is not None
        self._daemon.send_signal(number)

    def get(self, path: str, **query: Any) -> Any:
        """Return an answer of the API; quicker than the command line."""
        return get(self.config, path, **query)

    def put(self, path: str, **body: Any) -> Any:
        """Send a PUT to the API."""
        return put(self.config, path, **body)

    def readyz(self) -> tuple[int, Any]:
        """Return the readiness that monitoring sees: the HTTP status and the body."""
        answer = httpx.get(f"http://{self.http}/readyz", timeout=patience_s(5))
        return answer.status_code, answer.json()

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        return sample(self.http, name)

    def log(self) -> str:
        """Return all that the daemon has logged."""
        return (self.directory / "daemon.log").read_text()

    # --- its command line ----------------------------------------------------------------------

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run a command as an operator does."""
        site = {**_OPERATOR, "PBXBILLING_CONFIG": str(self.config)}
        return program.run(words, {**os.environ, **site, **(env or {})})

    def says(self, *words: str) -> str:
        """Return the output of a command that must succeed."""
        ran = self.run(*words)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def fails(self, *words: str) -> str:
        """Return the error output of a command that must fail, which must be its only output."""
        ran = self.run(*words)
        assert (ran.returncode, ran.stdout) == (1, ""), ran
        return ran.stderr

    def json(self, *words: str) -> Any:
        """Return the JSON output of a command."""
        return json.loads(self.says(*words, "--json"))

    def apply(self, accounts: str) -> str:
        """Put plans and tenants in force by a file that resets nothing."""
        path = self.directory / "accounts.toml"
        path.write_text(accounts)
        return self.says("apply", str(path))

    # --- calls ---------------------------------------------------------------------------------

    def call(self, tenant: str, number: str = NUMBER, **how: Any) -> Future[Placed]:
        """Place a call; the future ends with it."""
        call = self.pbx.call(tenant, number, **how)
        self._calls.append(asyncio.run_coroutine_threadsafe(call, self._loop))
        return self._calls[-1]

    def populate(self, tenants: Iterable[str]) -> None:
        """Create an answered trunk leg for each tenant, without any event about it."""

        async def populated() -> None:
            for tenant in tenants:
                self.pbx.populate(1, tenant)

        self._done(populated())

    def up(self, count: int) -> list[dict[str, Any]]:
        """Return the live calls when so many are answered."""

        def answered() -> list[dict[str, Any]] | None:
            calls = every(self.config, "/calls")
            return calls if [call["state"] for call in calls].count("up") == count else None

        return until(answered, f"{count} calls are up", 15.0) or []

    def idle(self) -> None:
        """Hang up all calls, and return when nothing is counted any more."""
        self.hang_up()
        self.none_live()

    def hang_up(self) -> None:
        """Hang up all calls at the PBX."""
        for channel in self.pbx.channels():
            self._loop.call_soon_threadsafe(self.pbx.hangup, channel.uniqueid)

    def none_live(self) -> None:
        """Return when nothing is counted any more."""
        until(lambda: self.get("/calls") == [], "no call is live", 15.0)
