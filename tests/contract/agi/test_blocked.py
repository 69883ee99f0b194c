"""No accident admits a blocked tenant: every path to a verdict, through a real socket."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pbxbilling.accounts.terms.status import Blocker
from pbxbilling.agi.server import AgiServer, ListenerSettings
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.kernel.codes import Mode
from pbxbilling.runtime.clock import SystemClock
from rig.waiting import patience_s
from tests.support.agi.client import AgiClient, ask, environment
from tests.support.agi.reports import AgiReports
from tests.support.calls.world import World, plan

HASTY_S, PATIENT_S = 0.05, 5.0
SUSPENDED, ACTIVE = "sus", "acme"
EMERGENCY, USUAL = "112", "0155501"
CALLERS_OWN = "Local/0\nagi_uniqueid: 7.7@x-0;2"


def world_of(mode: Mode = Mode.ENFORCE) -> World:
    """Return a world with one tenant suspended, the other not; both have an account code, too."""
    world = World(mode, plan(), (SUSPENDED, ACTIVE))
    registry = world.in_force.registry
    for slug in (SUSPENDED, ACTIVE):
        known = replace(registry.tenants[slug], accountcodes=(f"{slug}-code",))
        blocks = frozenset({Blocker.OPERATOR}) if slug == SUSPENDED else frozenset()
        registry.put_tenant(replace(known, blocks=blocks))
    return world


@dataclass
class Site:
    """A server in front of a world."""

    port: int
    reports: AgiReports


@asynccontextmanager
async def serving(
    world: World, deadline_s: float = PATIENT_S, judge: Callable[..., Verdict] | None = None
) -> AsyncIterator[Site]:
    """Serve a world; a `judge` in place of the world's own stands for a fault of ours."""
    admission, reports = world.admission, AgiReports()
    server = AgiServer(
        ListenerSettings(port=0, deadline_s=deadline_s),
        judge or admission.judge,
        admission.by_policy,
        reports,
        SystemClock(),
        admission.malformed,
    )
    async with asyncio.timeout(patience_s(20)), server:
        yield Site(server.port, reports)


def broken(request: HookRequest) -> Verdict:
    raise OverflowError(request.tenant)


async def _whole(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world) as site:
        return await ask(site.port, environment(**told))


async def _never_ends(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world, HASTY_S) as site, AgiClient(site.port) as client:
        client.send(environment(**told)[:-1])
        return await client.command()


async def _crowd(world: World, told: dict[str, Any]) -> bytes:
    """Connect a crowd while the loop is held for longer than the deadline."""
    async with serving(world, HASTY_S) as site:
        with ExitStack() as stack:
            clients = []
            for _ in range(20):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", site.port)))
                client.sendall(b"".join(environment(**told)))
                client.setblocking(False)
                clients.append(client)
            time.sleep(2 * HASTY_S)  # noqa: ASYNC251
            loop = asyncio.get_running_loop()
            return [await loop.sock_recv(client, 4096) for client in clients][-1]


async def _callers_line(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world) as site:
        return await ask(site.port, environment(**told, channel=CALLERS_OWN))


async def _callers_line_never_ends(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world, HASTY_S) as site, AgiClient(site.port) as client:
        client.send(environment(**told, channel=CALLERS_OWN)[:-1])
        return await client.command()


async def _unknown_path(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world) as site:
        return await ask(site.port, environment("Outbound", **told))


async def _unknown_pbx(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world) as site:
        return await ask(site.port, environment(**told, pbx="pbx9"))


async def _ends_early(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world) as site, AgiClient(site.port) as client:
        client.send(environment(**told)[:-1])
        client.end_of_words()
        return await client.command()


async def _fault_of_ours(world: World, told: dict[str, Any]) -> bytes:
    async with serving(world, judge=broken) as site:
        return await ask(site.port, environment(**told))


Way = Callable[[World, dict[str, Any]], Awaitable[bytes]]
OTHERWISE: dict[Way, bytes] = {
    _whole: b"ADMIT|acme|outbound|ok|",
    _never_ends: b"ADMIT|acme|outbound|deadline|",
    _crowd: b"ADMIT|acme|outbound|deadline|",
    _callers_line: b"REFUSE|acme|outbound|malformed|17|",
    _callers_line_never_ends: b"ADMIT|acme|outbound|deadline|",
    _unknown_path: b"ADMIT|acme||deadline|",
    _unknown_pbx: b"ADMIT|acme|outbound|unreconciled|",
    _ends_early: b"REFUSE|acme|outbound|malformed|17|",
    _fault_of_ours: b"ADMIT|acme|outbound|deadline|",
}
every_way = pytest.mark.parametrize("way", OTHERWISE, ids=lambda way: way.__name__[1:])


def named(slug: str, number: str = USUAL, *, by_code: bool = False) -> dict[str, Any]:
    """Return the fields of a hook from a tenant's channel."""
    code = f"{slug}-code" if by_code else ""
    return {"tenant": "" if by_code else slug, "accountcode": code, "number": number}


@every_way
@pytest.mark.parametrize("by_code", [False, True])
async def test_a_suspended_tenant_is_refused_however_the_hook_arrived(
    way: Way, by_code: bool
) -> None:
    said = await way(world_of(), named(SUSPENDED, by_code=by_code))
    assert b"REFUSE|sus|" in said
    assert b"|suspended|17|" in said


@every_way
async def test_emergency_numbers_pass_however_the_hook_came(way: Way) -> None:
    said = await way(world_of(), named(SUSPENDED, EMERGENCY))
    assert b"ADMIT|sus|" in said
    assert b"|emergency||||emergency" in said.replace(b"c000001", b"")


@every_way
async def test_others_go_by_the_policy(way: Way) -> None:
    assert OTHERWISE[way] in await way(world_of(), named(ACTIVE))


@every_way
@pytest.mark.parametrize("mode", [Mode.LOG, Mode.OFF])
async def test_without_enforcement_nobody_is_refused(way: Way, mode: Mode) -> None:
    world = world_of(mode)
    world.in_force.policy = replace(world.in_force.policy, refuse_on_deadline=True)
    assert b'"ADMIT|sus|' in await way(world, named(SUSPENDED))


@every_way
async def test_what_the_policy_is_to_refuse_is_refused(way: Way) -> None:
    world = world_of()
    world.in_force.policy = replace(
        world.in_force.policy, refuse_on_deadline=True, refuse_on_malformed=False
    )
    by_deadline = b"deadline" in OTHERWISE[way]
    assert (b'"REFUSE|acme|' in await way(world, named(ACTIVE))) is by_deadline
