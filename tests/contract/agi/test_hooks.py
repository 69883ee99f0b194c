"""Both listeners on real sockets: the configured address, and the port of release 0.1."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import orjson
import pytest

from pbxbilling.agi.server import ListenError
from pbxbilling.agi.sessions.session import Ending
from pbxbilling.calls.admission.admit import Admission
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.calls.views import OldPortView
from pbxbilling.config.settings import Settings
from pbxbilling.config.value_types import Address
from pbxbilling.daemon.hooks import Hooks
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.telemetry.logs import Log
from rig.site import free_port
from rig.waiting import patience_s
from tests.support.agi.client import AgiClient, ask, environment
from tests.support.agi.reports import AgiReports

ADMITTED = b'SET VARIABLE __PBXBILLING "ADMIT|acme||ok||||"\n'


def judge(request: HookRequest) -> Verdict:
    return Verdict(admit=True, tenant=request.tenant)


class Admits:
    """Admits every call."""

    judge = by_policy = malformed = staticmethod(judge)


def settings(port: int, *, written: bool = False, allow: str = "127.0.0.0/8") -> Settings:
    """Return a file's settings; if not `written`, it names no address: `port` is the default."""
    agi = {"listen": f"127.0.0.1:{port}", "allow": [allow], "deadline_ms": 5000}
    made = Settings.model_validate_json(orjson.dumps({"agi": agi}))
    if not written:
        made.agi.model_fields_set.discard("listen")
    return made


class Site:
    """Running listeners, with their reports and log."""

    def __init__(self, old: int, *, written: bool) -> None:
        self.new, self.old = free_port(), old
        self.reports = AgiReports()
        self.lines: list[dict[str, str]] = []
        self.hooks = Hooks(
            settings(self.new, written=written),
            cast("Admission", Admits()),
            self.reports,
            SystemClock(),
            Log(self, SystemClock(), "json", "info"),
            Address("127.0.0.1", old),
        )

    def write(self, line: bytes) -> None:
        self.lines.append(orjson.loads(line))

    def logged(self, begins: str) -> list[dict[str, str]]:
        return [line for line in self.lines if line["event"].startswith(begins)]

    def view(self, hooks: int, *, listening: bool = True) -> OldPortView:
        old, new = f"127.0.0.1:{self.old}", f"127.0.0.1:{self.new}"
        return OldPortView(old, listening, hooks, new)


@asynccontextmanager
async def serving(old: int = 0, *, written: bool = False) -> AsyncIterator[Site]:
    site = Site(old or free_port(), written=written)
    async with asyncio.timeout(patience_s(20)), site.hooks:
        yield site


async def test_a_silent_file_is_answered_at_both_ports_and_the_old_one_is_counted() -> None:
    async with serving() as site:
        assert site.logged("port of 0.1 listened on too")
        assert await ask(site.new, environment()) == ADMITTED
        assert site.hooks.old_port() == site.view(0)
        for _ in range(3):
            assert await ask(site.old, environment()) == ADMITTED
        await site.reports.until_ended(4)
        assert site.hooks.old_port() == site.view(3)
        (line,) = site.logged("port of 0.1 is asked")
        assert f"PBXBILLING_HOOK=127.0.0.1:{site.new} under [globals]" in line["mend"]
        assert site.reports.endings == {Ending.ANSWERED: 4}


async def test_a_port_scan_of_the_old_port_is_no_hook() -> None:
    async with serving() as site:
        async with AgiClient(site.old):
            pass
        await site.reports.until_ended(1)
        assert site.hooks.old_port() == site.view(0)
        assert not site.logged("port of 0.1 is asked")


async def test_an_old_port_in_use_is_left_alone_and_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        async with serving(other.getsockname()[1]) as site:
            assert await ask(site.new, environment()) == ADMITTED
            assert site.hooks.old_port() == site.view(0, listening=False)
            (line,) = site.logged("port of 0.1 left alone")
            assert "in use" in line["reason"]


async def test_a_written_address_is_the_only_one() -> None:
    async with serving(written=True) as site:
        assert await ask(site.new, environment()) == ADMITTED
        assert site.hooks.old_port() is None
        with pytest.raises(ConnectionRefusedError):
            await ask(site.old, environment())


async def test_a_configured_address_that_is_taken_fails_the_start() -> None:
    async with serving() as site:
        taken = Hooks(
            settings(site.new),
            cast("Admission", Admits()),
            site.reports,
            SystemClock(),
            Log(site, SystemClock(), "json", "info"),
            Address("127.0.0.1", free_port()),
        )
        with pytest.raises(ListenError, match="choose another address"):
            await taken.start()


async def test_a_reload_reaches_both_ports_and_closes_none() -> None:
    async with serving() as site:
        site.hooks.reconfigure(settings(site.new, written=True, allow="192.0.2.0/24"))
        for port in (site.new, site.old):
            async with AgiClient(port) as client:
                assert await client.closed()
        assert site.reports.endings == {Ending.REFUSED_PEER: 2}
        site.hooks.reconfigure(settings(site.new, written=True))
        for port in (site.new, site.old):
            assert await ask(port, environment()) == ADMITTED


async def test_an_end_closes_both_ports() -> None:
    async with serving() as site:
        pass
    for port in (site.new, site.old):
        with pytest.raises(ConnectionRefusedError):
            await ask(port, environment())
