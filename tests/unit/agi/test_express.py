"""A crowd before the listener: who has said all is answered at once, the others are handed on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network

import pytest

from pbxbilling.agi.allow import AllowList
from pbxbilling.agi.deadlines import Deadlines
from pbxbilling.agi.express import Express
from pbxbilling.agi.session import Desk, Ending, Judge
from pbxbilling.clock import SystemClock
from pbxbilling.domain.admission import Reason
from pbxbilling.domain.hook import HookRequest, Verdict
from tests.support.agi_client import environment
from tests.support.agi_desk import AgiReports

HOOK = b"".join(environment())
ADMITTED = b'SET VARIABLE __PBXBILLING "ADMIT|acme||ok||||"\n'
BY_POLICY = b'SET VARIABLE __PBXBILLING "ADMIT|acme||deadline||||"\n'


def admit(request: HookRequest) -> Verdict:
    return Verdict(admit=True, tenant=request.tenant, reason=Reason.OK)


def policy(request: HookRequest) -> Verdict:
    return Verdict(admit=True, tenant=request.tenant, reason=Reason.DEADLINE)


def broken(request: HookRequest) -> Verdict:
    raise LookupError(request.tenant)


class Crowd:
    """A listener nobody looks after, those who wait before it, and who is handed on."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.listener.setblocking(False)
        self.reports = AgiReports()
        self.handed_on: list[socket.socket] = []

    def joined_by(self, said: bytes) -> socket.socket:
        address = self.listener.getsockname()
        caller = self._stack.enter_context(socket.create_connection(address, timeout=10))
        caller.sendall(said)
        return caller

    def serve(
        self,
        judge: Judge = admit,
        limit_s: float = 60.0,
        allow: str = "127.0.0.0/8",
    ) -> None:
        clock = SystemClock()
        loop = asyncio.new_event_loop()
        deadlines = Deadlines(limit_s, clock, loop)
        desk = Desk(
            judge, policy, self.reports, clock, AllowList((ip_network(allow),)), deadlines, 10
        )
        Express(self.listener, desk, self._take_up).serve()
        loop.close()

    def _take_up(self, connection: socket.socket) -> None:
        self.handed_on.append(self._stack.enter_context(connection))


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with ExitStack() as stack:
        yield Crowd(stack)


def heard(caller: socket.socket) -> bytes:
    """All that is said to a caller, up to the end of the connection."""
    with caller.makefile("rb") as stream:
        return stream.read()


def test_all_who_have_said_what_they_want_are_judged(crowd: Crowd) -> None:
    callers = [crowd.joined_by(HOOK) for _ in range(5)]
    crowd.serve()
    assert [heard(caller) for caller in callers] == [ADMITTED] * 5
    assert crowd.reports.endings == {Ending.ANSWERED: 5}
    assert crowd.handed_on == []


def test_who_has_waited_too_long_is_answered_by_policy(crowd: Crowd) -> None:
    caller = crowd.joined_by(HOOK)
    crowd.serve(limit_s=0.0)
    assert heard(caller) == BY_POLICY
    assert crowd.reports.endings == {Ending.DEADLINE: 1}


def test_a_judge_that_breaks_is_told_and_the_caller_answered(crowd: Crowd) -> None:
    caller = crowd.joined_by(HOOK)
    crowd.serve(broken)
    assert heard(caller) == BY_POLICY
    assert crowd.reports.endings == {Ending.FAILED: 1}


@pytest.mark.parametrize(
    ("said", "allow"),
    [
        (b"", "127.0.0.0/8"),
        (HOOK[:-1], "127.0.0.0/8"),
        (b"agi_network: yes\n" + b"x" * 5000 + HOOK, "127.0.0.0/8"),
        (HOOK, "10.0.0.0/8"),
    ],
    ids=["nothing yet", "not all yet", "a long story", "who may not ask"],
)
def test_the_others_are_handed_on_with_all_that_they_said(
    crowd: Crowd, said: bytes, allow: str
) -> None:
    caller = crowd.joined_by(said)
    crowd.serve(allow=allow)
    caller.shutdown(socket.SHUT_WR)
    (connection,) = crowd.handed_on
    assert heard(connection) == said
    assert not crowd.reports.endings


def test_who_is_gone_again_holds_up_nobody(crowd: Crowd) -> None:
    crowd.joined_by(HOOK).close()
    caller = crowd.joined_by(HOOK)
    crowd.serve()
    assert heard(caller) == ADMITTED


def test_who_left_without_a_word_is_counted_and_handed_to_nobody(crowd: Crowd) -> None:
    crowd.joined_by(b"").close()
    crowd.serve()
    assert crowd.reports.endings == {Ending.SILENT: 1}
    assert crowd.handed_on == []


def test_others_have_their_turn_of_the_loop(crowd: Crowd) -> None:
    for _ in range(120):
        crowd.joined_by(HOOK)
    crowd.serve()
    assert crowd.reports.endings.total() == 100
    crowd.serve()
    assert crowd.reports.endings.total() == 120
