"""The round trip over real sockets: a verdict, silence, a closed connection, no listener."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

from pbxbilling.agi.server import AgiServer
from pbxbilling.agi.server import ListenerSettings as Listener
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.config.sections import AgiSettings
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.hook import STRANGER, round_trip
from pbxbilling.runtime.clock import SystemClock
from rig.site import free_port
from rig.waiting import patience_s
from tests.support.agi.reports import AgiReports


def settings(port: int, **more: object) -> AgiSettings:
    return AgiSettings.model_validate({"listen": f"127.0.0.1:{port}", **more})


async def asked(settings: AgiSettings) -> Check:
    async with asyncio.timeout(patience_s(10)):
        return await round_trip(settings, SystemClock())


async def test_it_asks_as_a_pbx_that_is_none_and_takes_the_verdict() -> None:
    seen: list[HookRequest] = []

    def judge(request: HookRequest) -> Verdict:
        seen.append(request)
        return Verdict(admit=True)

    reports, clock = AgiReports(), SystemClock()
    async with AgiServer(Listener(port=0), judge, judge, reports, clock) as server:
        check = await asked(settings(server.port))
    assert (check.result, [request.pbx for request in seen]) == (Result.OK, [STRANGER])


async def test_a_daemon_that_connects_and_stays_silent_is_wedged() -> None:
    async def wedged(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await left.wait()
        writer.close()

    left = asyncio.Event()
    async with await asyncio.start_server(wedged, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        check = await asked(settings(port, deadline_ms=10))
        left.set()
    assert (check.result, "restart" in check.mend) == (Result.FAIL, True)


async def test_a_missing_daemon_is_reported_at_once() -> None:
    check = await asked(settings(free_port()))
    assert (check.result, "nothing listens" in check.found) == (Result.FAIL, True)


async def test_a_machine_that_is_not_allowed_is_told_so() -> None:
    def judge(request: HookRequest) -> Verdict:
        raise AssertionError(request)

    elsewhere = (ip_network("192.0.2.1/32"),)
    listener = Listener(port=0, allow=elsewhere)
    async with AgiServer(listener, judge, judge, AgiReports(), SystemClock()) as server:
        check = await asked(settings(server.port, allow=elsewhere))
    assert (check.result, "agi.allow" in check.found) == (Result.FAIL, True)
    reachable = Listener(host="0.0.0.0", port=0, allow=elsewhere)
    async with AgiServer(reachable, judge, judge, AgiReports(), SystemClock()) as server:
        given = settings(server.port, allow=elsewhere).model_copy(
            update={"listen": f"0.0.0.0:{server.port}"}
        )
        check = await asked(given)  # it may be for PBXes elsewhere alone
    assert (check.result, "agi.allow" in check.found) == (Result.WARN, True)
