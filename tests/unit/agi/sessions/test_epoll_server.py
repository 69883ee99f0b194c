"""The epoll server: few callers are read as they come, many in one go, and none delays the rest."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from typing import Any, cast

import pytest

from pbxbilling.agi.sessions.allow_list import AllowList
from pbxbilling.agi.sessions.deadlines import Deadlines
from pbxbilling.agi.sessions.epoll_server import EpollServer
from pbxbilling.agi.sessions.session import Ending, HookHandler, Judge
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.kernel.codes import Reason
from pbxbilling.runtime.clock import SystemClock
from rig.waiting import patience_s
from tests.support.agi.client import environment
from tests.support.agi.reports import AgiReports

HOOK = b"".join(environment())
ADMITTED = b'SET VARIABLE __PBXBILLING "ADMIT|acme||ok||||"\n'
BY_POLICY = b'SET VARIABLE __PBXBILLING "ADMIT|acme||deadline||||"\n'


def admit(request: HookRequest) -> Verdict:
    return Verdict(admit=True, tenant=request.tenant, reason=Reason.OK)


def policy(request: HookRequest) -> Verdict:
    return Verdict(admit=True, tenant=request.tenant, reason=Reason.DEADLINE)


def broken(request: HookRequest) -> Verdict:
    raise LookupError(request.tenant)


class Loop:
    """An event loop turned by hand."""

    def __init__(self) -> None:
        self.watched: Callable[[], None] | None = None
        self.later: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []
        self.failures: list[str] = []

    def add_reader(self, _fileno: int, callback: Callable[[], None]) -> None:
        self.watched = callback

    def remove_reader(self, _fileno: int) -> None:
        self.watched = None

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> object:
        self.later.append((delay, callback, args))
        return object()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(str(context["exception"]))

    def turn(self) -> None:
        """Run a turn: watched sockets are readable, or the next timer is due."""
        if self.watched is not None:
            self.watched()
            return
        _, callback, args = self.later.pop(0)
        callback(*args)


class Exhausted(socket.socket):
    """A listener for which no descriptors are left."""

    def accept(self) -> tuple[socket.socket, Any]:
        raise OSError(errno.EMFILE, "too many open files")


class Site:
    """An epoll server, its callers, and the reports about them."""

    def __init__(
        self,
        stack: ExitStack,
        judge: Judge,
        limit_s: float,
        allow: str,
        most: int,
        kind: type[socket.socket],
    ) -> None:
        self._stack = stack
        self.reports = AgiReports()
        self.loop = Loop()
        listener = stack.enter_context(kind())
        listener.bind(("127.0.0.1", 0))
        listener.listen(1000)
        listener.setblocking(False)
        self._address = listener.getsockname()
        clock, loop = SystemClock(), cast("asyncio.AbstractEventLoop", self.loop)
        timer = cast("asyncio.AbstractEventLoop", Loop())
        self.handler = HookHandler(
            judge,
            policy,
            self.reports,
            clock,
            AllowList((ip_network(allow),)),
            Deadlines(limit_s, clock, timer),
            most,
        )
        self.epoll_server = EpollServer([listener], self.handler, loop)
        self.epoll_server.open()
        stack.callback(self._close)

    def _close(self) -> None:
        for session in tuple(self.handler.live.values()):
            session.close()
        self.epoll_server.shut()
        self.epoll_server.close()
        assert self.loop.failures == []

    def joined_by(self, said: bytes) -> socket.socket:
        caller = self._stack.enter_context(
            socket.create_connection(self._address, timeout=patience_s(10))
        )
        caller.sendall(said)
        return caller

    @property
    def rests_s(self) -> float | None:
        """Return how long it pauses; None while it watches."""
        return None if self.loop.watched is not None else self.loop.later[0][0]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def site(
    stack: ExitStack,
    judge: Judge = admit,
    limit_s: float = 60.0,
    allow: str = "127.0.0.0/8",
    most: int = 10_000,
    kind: type[socket.socket] = socket.socket,
) -> Site:
    return Site(stack, judge, limit_s, allow, most, kind)


def heard(caller: socket.socket) -> bytes:
    """Return all that a caller receives until the end of the connection."""
    with caller.makefile("rb") as stream:
        return stream.read()


def test_one_is_read_as_his_words_come(stack: ExitStack) -> None:
    epoll_server = site(stack)
    caller = epoll_server.joined_by(HOOK[:40])
    for piece in (HOOK[40:300], HOOK[300:]):
        epoll_server.loop.turn()
        caller.sendall(piece)
    epoll_server.loop.turn()
    assert heard(caller) == ADMITTED
    assert epoll_server.rests_s is None
    assert epoll_server.reports.endings == {Ending.ANSWERED: 1}


def test_many_are_let_speak_for_a_millisecond_and_then_all_heard(stack: ExitStack) -> None:
    epoll_server = site(stack)
    callers = [epoll_server.joined_by(b"") for _ in range(10)]
    epoll_server.loop.turn()
    assert epoll_server.rests_s == 0.001
    for caller in callers:
        caller.sendall(HOOK)
    epoll_server.loop.turn()
    assert [heard(caller) for caller in callers] == [ADMITTED] * 10
    assert epoll_server.reports.endings == {Ending.ANSWERED: 10}


def test_a_hook_that_arrives_during_a_pause_is_served_at_its_end_or_one_round_later(
    stack: ExitStack,
) -> None:
    epoll_server = site(stack)
    many = [epoll_server.joined_by(HOOK) for _ in range(10)]
    epoll_server.loop.turn()
    whole, halfway = epoll_server.joined_by(HOOK), epoll_server.joined_by(HOOK[:-1])
    epoll_server.loop.turn()
    assert heard(whole) == ADMITTED
    halfway.sendall(HOOK[-1:])
    epoll_server.loop.turn()
    assert heard(halfway) == ADMITTED
    assert [heard(caller) for caller in many] == [ADMITTED] * 10


def test_with_few_again_it_watches_again_and_forgets_nobody(stack: ExitStack) -> None:
    epoll_server = site(stack)
    many = [epoll_server.joined_by(HOOK) for _ in range(10)]
    epoll_server.loop.turn()
    slow = epoll_server.joined_by(HOOK[:-1])
    while epoll_server.rests_s is not None:
        epoll_server.loop.turn()
    assert [heard(caller) for caller in many] == [ADMITTED] * 10
    slow.sendall(HOOK[-1:])
    epoll_server.loop.turn()
    assert heard(slow) == ADMITTED


def test_others_have_their_turn_of_the_loop(stack: ExitStack) -> None:
    epoll_server = site(stack)
    callers = [epoll_server.joined_by(HOOK) for _ in range(300)]
    epoll_server.loop.turn()
    assert epoll_server.rests_s == 0.0
    assert 0 < len(epoll_server.handler.live) <= 256
    while epoll_server.rests_s is not None:
        epoll_server.loop.turn()
    assert epoll_server.reports.endings == {Ending.ANSWERED: 300}
    assert heard(callers[-1]) == ADMITTED


def test_a_hook_that_waited_too_long_is_answered_by_policy(stack: ExitStack) -> None:
    epoll_server = site(stack, limit_s=0.0)
    caller = epoll_server.joined_by(HOOK)
    epoll_server.loop.turn()
    epoll_server.loop.turn()
    assert heard(caller) == BY_POLICY
    assert epoll_server.reports.endings == {Ending.DEADLINE: 1}


def test_a_failing_judge_is_reported_and_the_caller_is_answered(stack: ExitStack) -> None:
    epoll_server = site(stack, broken)
    caller = epoll_server.joined_by(HOOK)
    epoll_server.loop.turn()
    epoll_server.loop.turn()
    assert caller.recv(4096) == BY_POLICY
    assert epoll_server.reports.endings == {Ending.FAILED: 1}


def test_a_peer_that_is_not_allowed_is_rejected(stack: ExitStack) -> None:
    epoll_server = site(stack, allow="10.0.0.0/8")
    caller = epoll_server.joined_by(b"")
    epoll_server.loop.turn()
    assert heard(caller) == b""
    assert epoll_server.reports.endings == {Ending.REFUSED_PEER: 1}


def test_a_full_server_rejects_new_sessions_and_serves_the_others(stack: ExitStack) -> None:
    epoll_server = site(stack, most=2)
    callers = [epoll_server.joined_by(b"") for _ in range(3)]
    epoll_server.loop.turn()
    assert heard(callers[2]) == b""
    callers[0].sendall(HOOK)
    epoll_server.loop.turn()
    assert heard(callers[0]) == ADMITTED
    assert epoll_server.reports.endings == {Ending.SURPLUS: 1, Ending.ANSWERED: 1}


def test_a_client_that_has_left_delays_no_other(stack: ExitStack) -> None:
    epoll_server = site(stack)
    epoll_server.joined_by(HOOK).close()
    epoll_server.joined_by(b"").close()
    caller = epoll_server.joined_by(HOOK)
    epoll_server.loop.turn()
    epoll_server.loop.turn()
    assert heard(caller) == ADMITTED
    assert epoll_server.reports.endings == {Ending.ANSWERED: 2, Ending.SILENT: 1}


def test_without_descriptors_the_listener_is_left_alone_for_a_while(stack: ExitStack) -> None:
    epoll_server = site(stack, kind=Exhausted)
    epoll_server.joined_by(HOOK)
    epoll_server.loop.turn()
    ((pause_s, again, args),) = epoll_server.loop.later
    assert pause_s == 0.5
    epoll_server.loop.turn()
    assert len(epoll_server.loop.later) == 1  # accepting was not retried
    again(*args)
    epoll_server.loop.turn()
    assert len(epoll_server.loop.later) == 2
