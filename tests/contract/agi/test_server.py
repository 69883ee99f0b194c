"""The FastAGI server on real loopback sockets, against good, slow and hostile peers."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest

from pbxbilling.agi.server import AgiServer, ListenError, ListenerSettings
from pbxbilling.agi.sessions.allow_list import AllowList
from pbxbilling.agi.sessions.session import HEARD_OUT_EVERY, Ending, Judge
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.kernel.codes import Reason
from pbxbilling.runtime.clock import SystemClock
from rig.waiting import patience_s
from tests.support.agi.client import AgiClient, ask, environment
from tests.support.agi.reports import AgiReports

SETTINGS = ListenerSettings(port=0, deadline_s=0.05)
PATIENT = replace(SETTINGS, deadline_s=5.0)


def admit(request: HookRequest) -> Verdict:
    return Verdict(admit=True, tenant=request.tenant)


def policy(request: HookRequest) -> Verdict:
    """Refuse all but emergency numbers."""
    emergency = request.number == "112"
    return Verdict(admit=emergency, tenant=request.tenant, reason=Reason.DEADLINE)


def broken(request: HookRequest) -> Verdict:
    raise LookupError(request.tenant)


def spoiled(request: HookRequest) -> Verdict:
    """Judge, or apply the policy, with a failure for one tenant."""
    return broken(request) if request.tenant == "broken" else admit(request)


class Site:
    """A running server and its reports."""

    def __init__(self, server: AgiServer, reports: AgiReports) -> None:
        self.server = server
        self.reports = reports
        self.port = server.port


async def turn_of(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds."""
    async with asyncio.timeout(patience_s(10)):
        while not condition():  # noqa: ASYNC110  nobody announces it
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    settings: ListenerSettings = PATIENT, judge: Judge = admit, policy: Judge = policy
) -> AsyncIterator[Site]:
    reports = AgiReports()
    server = AgiServer(settings, judge, policy, reports, SystemClock())
    async with asyncio.timeout(patience_s(20)), server:
        yield Site(server, reports)
    assert server.sessions == 0


TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    "query",
    [
        *("", "?", "?k", "?k=", "?k=0", "?k=\xe9", f"?k={TOKEN}0", f"?k={TOKEN[:-1]}"),
        *(f"?K={TOKEN}", f"?t={TOKEN}", f"?k={TOKEN.upper()}", f"?k={TOKEN}&k={TOKEN}"),
        *(f"?k=k={TOKEN}", f"/?k=x?k={TOKEN}"),
    ],
)
async def test_a_hook_without_the_token_is_answered_by_policy(query: str) -> None:
    async with serving(replace(PATIENT, token=TOKEN), judge=broken) as site:
        refused = await ask(site.port, environment(f"outbound{query}"))
        assert refused.startswith(b'SET VARIABLE __PBXBILLING "REFUSE|acme|')
        admitted = await ask(site.port, environment(f"outbound{query}", number="112"))
        assert admitted.startswith(b'SET VARIABLE __PBXBILLING "ADMIT|acme|')
        assert site.reports.endings == {Ending.WRONG_TOKEN: 2}
        assert site.reports.strangers == [(Ending.WRONG_TOKEN, "127.0.0.1")] * 2
        assert site.reports.failures == []


@pytest.mark.parametrize("path", ["outbound", "inbound", "internal"])
async def test_a_hook_with_the_token_is_judged(path: str) -> None:
    directions: list[object] = []

    def judge(request: HookRequest) -> Verdict:
        directions.append(request.direction)
        return admit(request)

    async with serving(replace(PATIENT, token=TOKEN), judge=judge) as site:
        assert b"ADMIT" in await ask(site.port, environment(f"{path}?k={TOKEN}"))
        assert directions == [path]
        site.server.reconfigure(replace(PATIENT, token=TOKEN[::-1]))
        assert b"REFUSE" in await ask(site.port, environment(f"{path}?k={TOKEN}"))
        site.server.reconfigure(PATIENT)
        for query in ("", f"?k={TOKEN}"):  # none is needed: any will do
            assert b"ADMIT" in await ask(site.port, environment(f"{path}{query}"))


def test_both_families_of_loopback_may_ask_by_default() -> None:
    allowed = AllowList(ListenerSettings().allow)
    for address in ("127.0.0.1", "127.0.0.11", "::1", "::ffff:127.0.0.1"):
        assert address in allowed
    for address in ("::2", "192.0.2.1", "::ffff:192.0.2.1"):
        assert address not in allowed


async def test_a_hook_over_ipv6_gets_its_verdict() -> None:
    async with serving(replace(PATIENT, host="::1")) as site:
        reader, writer = await asyncio.open_connection("::1", site.port)
        writer.write(b"".join(environment()))
        assert b"ADMIT|acme" in await reader.readline()
        writer.close()
        assert site.reports.strangers == []


async def test_a_call_gets_its_verdict() -> None:
    async with serving() as site:
        assert await ask(site.port, environment()) == (
            b'SET VARIABLE __PBXBILLING "ADMIT|acme||ok||||"\n'
        )
        assert site.reports.endings == {Ending.ANSWERED: 1}
        assert 0 < site.reports.seconds[0] < PATIENT.deadline_s


async def test_a_caller_who_hangs_up_meanwhile_disturbs_no_other_call() -> None:
    async with serving() as site, AgiClient(site.port) as client:
        client.send([*environment()[:9], b"HANGUP\n", *environment()[9:], b"HANGUP\n"])
        assert b"ADMIT|acme" in await client.command()


async def test_a_tenant_cannot_write_fields_of_the_verdict() -> None:
    async with serving() as site:
        command = await ask(site.port, environment(tenant='a|b"c\\'))
        assert b'"ADMIT|abc||ok||||"' in command


async def test_a_silent_peer_gets_a_verdict_at_the_deadline_and_is_given_up() -> None:
    async with serving(SETTINGS) as site, AgiClient(site.port) as client:
        assert b"REFUSE||" in await client.command()
        assert await client.closed()
        assert site.reports.endings == {Ending.DEADLINE: 1}
        assert site.reports.seconds[0] >= SETTINGS.deadline_s - 0.002


async def test_callers_who_waited_in_the_queue_past_the_deadline_get_the_policys_verdict() -> None:
    loop = asyncio.get_running_loop()
    async with serving(SETTINGS) as site:
        with ExitStack() as stack:
            clients = []
            for nth in range(40):  # the loop is held: they connect, and none is accepted
                client = stack.enter_context(socket.create_connection(("127.0.0.1", site.port)))
                client.sendall(b"".join(environment(number="112" if nth == 39 else "0155501")))
                client.setblocking(False)
                clients.append(client)
            time.sleep(2 * SETTINGS.deadline_s)  # noqa: ASYNC251
            said = [await loop.sock_recv(client, 4096) for client in clients]
        assert b"ADMIT|acme" in said[39]
        assert all(b"REFUSE|acme" in command for command in said[16:39])
        assert site.reports.endings[Ending.DEADLINE] >= 24  # one in sixteen reports the wait
        assert max(site.reports.seconds) >= SETTINGS.deadline_s


async def test_an_emergency_call_cut_off_half_way_passes_at_the_deadline() -> None:
    async with serving(SETTINGS) as site, AgiClient(site.port) as client:
        client.send(environment(number="112")[:-3])
        assert b"ADMIT|acme" in await client.command()
        client.send([b"agi_arg_4: pbx1\n", b"\n", b"200 result=1\n"])
        assert await client.closed()
        assert site.reports.endings == {Ending.DEADLINE: 1}


async def test_a_silent_peer_is_let_go_at_the_deadline_also_where_the_policy_fails() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with serving(SETTINGS, policy=broken) as site, AgiClient(site.port) as client:
        assert await client.closed()
        assert b"ADMIT|acme" in await ask(site.port, environment())


async def test_bytes_that_arrived_while_the_loop_was_blocked_are_read_before_the_deadline() -> None:
    deadline_s = patience_s(0.1)  # so that the first pause does not last as long on a busy machine
    settings = replace(SETTINGS, deadline_s=deadline_s)
    async with serving(settings) as site, AgiClient(site.port) as client:
        client.send(environment(number="112")[:9])
        await asyncio.sleep(0.02)
        client.send(environment(number="112")[9:])
        time.sleep(2 * deadline_s)  # noqa: ASYNC251
        assert b"ADMIT|acme" in await client.command()
        assert site.reports.endings == {Ending.DEADLINE: 1}


async def test_many_at_once_are_judged_each_by_his_own_words() -> None:
    async with serving() as site:
        asked = [environment(tenant=f"t{nth}") for nth in range(50)]
        told = await asyncio.gather(*(ask(site.port, pieces) for pieces in asked))
        assert [f"ADMIT|t{nth}|".encode() in command for nth, command in enumerate(told)] == (
            [True] * 50
        )
        assert site.reports.endings == {Ending.ANSWERED: 50}


async def test_slow_senders_among_many_are_read_to_the_end() -> None:
    async with serving() as site, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(AgiClient(site.port)) for _ in range(10)]
        for piece in environment():
            for client in clients:
                client.send([piece])
            await asyncio.sleep(0.002)
        assert [b"ADMIT|acme" in await client.command() for client in clients] == [True] * 10
        assert site.reports.endings == {Ending.ANSWERED: 10}


async def test_a_failing_policy_costs_no_other_session_its_verdict() -> None:
    failures: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context["message"]))
    asked = [environment(tenant="broken" if nth == 5 else "acme") for nth in range(10)]
    async with serving(judge=spoiled, policy=spoiled) as site:
        told = await asyncio.gather(*(ask(site.port, pieces) for pieces in asked))
        assert told.pop(5) == b""  # the dialplan's fallback decides
        assert all(b"ADMIT|acme" in command for command in told)
        assert b"ADMIT|acme" in await ask(site.port, environment())
    assert failures == ["a hook session failed"]


async def test_slow_senders_are_read_to_the_end() -> None:
    async with serving() as site, AgiClient(site.port) as client:
        for piece in environment():
            client.send([piece[:3], piece[3:]])
            await asyncio.sleep(0)
        assert b"ADMIT|acme" in await client.command()


async def test_a_judge_that_raises_is_reported_and_the_policy_answers() -> None:
    async with serving(judge=broken) as site:
        assert b"REFUSE|acme" in await ask(site.port, environment())
        assert site.reports.endings == {Ending.FAILED: 1}
        assert [type(error) for error in site.reports.failures] == [LookupError]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n"],
        [b"\n"],
        [b"\x16\x03\x01" * 30_000],
        environment(tenant="x" * 10_000),
        [line for line in environment() if b"uniqueid" not in line],
        environment(channel="Local/0\nagi_uniqueid: 7.7\nagi_arg_1: globex\n\n@phones-0;2"),
    ],
    ids=["http", "empty", "flood", "long line", "no uniqueid", "a caller's lines"],
)
async def test_what_is_no_environment_gets_a_verdict_by_policy(pieces: list[bytes]) -> None:
    async with serving() as site:
        assert b"REFUSE|" in await ask(site.port, pieces)
        assert site.reports.endings == {Ending.MALFORMED: 1}


async def test_an_environment_that_ends_early_gets_a_verdict_by_policy() -> None:
    async with serving() as site, AgiClient(site.port) as client:
        client.send(environment(number="112")[:-1])
        client.end_of_words()
        assert b"ADMIT|acme" in await client.command()
        assert await client.closed()
        assert site.reports.endings == {Ending.MALFORMED: 1}


async def test_two_thousand_connect_and_close_and_the_next_call_is_served() -> None:
    async with serving() as site:
        for _ in range(2000):
            async with AgiClient(site.port):
                pass
        await site.reports.until_ended(2000)
        assert site.reports.endings == {Ending.SILENT: 2000}
        assert b"ADMIT|acme" in await ask(site.port, environment())


@pytest.mark.parametrize("sent", [0, 5, 28])
async def test_a_reset_at_any_point_is_an_end_like_any_other(sent: int) -> None:
    async with serving() as site:
        async with AgiClient(site.port) as client:
            client.send(environment()[:sent])
            client.reset()
        await site.reports.until_ended(1)
        assert b"ADMIT|acme" in await ask(site.port, environment())


async def test_a_peer_that_is_not_on_the_list_is_closed_and_counted() -> None:
    strict = replace(PATIENT, allow=(ip_network("10.0.0.0/8"),))
    async with serving(strict) as site, AgiClient(site.port) as client:
        assert await client.closed()
        assert site.reports.endings == {Ending.REFUSED_PEER: 1}
        assert site.reports.strangers == [(Ending.REFUSED_PEER, "127.0.0.1")]


async def test_surplus_connections_are_closed_and_those_inside_served() -> None:
    async with serving(replace(PATIENT, max_sessions=1)) as site, AgiClient(site.port) as first:
        first.send([b"agi_network: yes\n"])
        async with AgiClient(site.port) as second:
            assert await second.closed()
        first.send(environment()[1:])
        assert b"ADMIT|acme" in await first.command()
        assert site.reports.endings == {Ending.SURPLUS: 1, Ending.ANSWERED: 1}


async def test_a_command_that_asterisk_does_not_take_is_noticed() -> None:
    async with serving() as site:
        for _ in range(HEARD_OUT_EVERY - 1):
            await ask(site.port, environment())
        async with AgiClient(site.port) as client:
            client.send(environment())
            await client.command()
            client.send([b"HANGUP\n", b"520-Invalid command syntax.\n", b"520 End\n"])
            await site.reports.until_rejected()
        assert site.reports.rejected == [520]


async def test_new_limits_hold_for_the_next_connection_and_drop_no_session() -> None:
    async with serving() as site, AgiClient(site.port) as old:
        old.send(environment()[:5])
        await turn_of(lambda: site.server.sessions == 1)
        site.server.reconfigure(replace(SETTINGS, allow=(ip_network("127.0.0.1/32"),)))
        async with AgiClient(site.port) as new:
            assert b"REFUSE||" in await new.command()
        old.send(environment()[5:])
        assert b"ADMIT|acme" in await old.command()
        site.server.reconfigure(replace(SETTINGS, allow=()))
        async with AgiClient(site.port) as refused:
            assert await refused.closed()


async def test_closing_lets_a_session_end_and_cuts_one_that_never_does() -> None:
    stack: AbstractAsyncContextManager[Site] = serving(SETTINGS)
    site = await stack.__aenter__()
    async with AgiClient(site.port) as client:
        client.send(environment()[:5])
        await turn_of(lambda: site.server.sessions == 1)
        await stack.__aexit__(None, None, None)
        assert b"REFUSE||" in await client.command()
        assert await client.closed()


async def test_serve_ends_when_the_server_is_closed() -> None:
    async with serving() as site, asyncio.timeout(patience_s(10)):
        served = asyncio.create_task(site.server.serve())
        await site.server.close()
        await served


async def test_an_address_in_use_is_named_with_the_fix() -> None:
    async with serving() as site:
        with pytest.raises(ListenError, match=f"127.0.0.1:{site.port}.*choose another"):
            async with serving(replace(SETTINGS, port=site.port)):
                pass


async def test_sessions_leave_no_cycle_behind() -> None:
    async with serving() as site:
        for _ in range(2):
            gc.collect()
            for _ in range(50):
                await ask(site.port, environment())
            await turn_of(lambda: site.server.sessions == 0)
            left = gc.collect()
        assert left < 50, "the garbage collector hardly looks: a cycle each would stay"
