"""Accepts, reads, judges and answers hooks, each step for a whole group of sessions.

The event loop watches one descriptor, an epoll of our own, and creates no transport for each
session: that was half of a session's cost.

Asterisk writes an environment in some thirty pieces. A few sessions at once are read piece by
piece, as they come. While there are more, the server waits for a millisecond and then reads all of
them at once, as network drivers do with packets (NAPI: interrupts for few, polling for many): most
have sent everything by then and need one read. See docs/decisions/0013-hooks-in-groups.md.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
from collections.abc import Callable

from pbxbilling.agi.sessions.session import AgiSession, Ending, HookHandler

_MANY = 8  # sessions at once, from which the server polls
_REST_S = 0.001
_AT_ONCE = 32  # sessions in a group
_GROUPS = 8  # in a turn, which is some 12 ms; then the loop's other tasks run
_PAUSE_S = 0.5
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class EpollServer:
    """Serves the listening sockets and their sessions."""

    def __init__(
        self, listeners: list[socket.socket], handler: HookHandler, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._handler = handler
        self._loop = loop
        self._poll = select.epoll()
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._halfway: list[AgiSession] = []  # accepted just now; not yet in the epoll
        self._resting = False
        self._closed = False

    def open(self) -> None:
        """Start accepting connections."""
        for fileno in self._listeners:
            self._poll.register(fileno, select.EPOLLIN)
        self._loop.add_reader(self._poll.fileno(), self._turn)

    def shut(self) -> None:
        """Stop accepting; sessions that are open go on to their end."""
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        self._loop.remove_reader(self._poll.fileno())
        self._poll.close()

    # --- one turn ------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Serve the sessions that have sent something; poll while there are many."""
        if self._closed:
            return
        served = _AT_ONCE  # if serving raises, run again at once
        try:
            for _ in range(_GROUPS):
                served = self._serve_group()
                if served < _AT_ONCE:
                    break
        finally:
            self._look_again(served)

    def _serve_group(self) -> int:
        """Serve at most one group; return how many sessions were in it."""
        halfway, self._halfway = self._halfway, []
        fresh, ready = self._who_is_there()
        self._serve(halfway, fresh, ready)
        return len(halfway) + len(fresh) + len(ready)

    def _who_is_there(self) -> tuple[list[AgiSession], list[AgiSession]]:
        """Return the new connections, and the watched sessions that have sent something."""
        fresh: list[AgiSession] = []
        ready: list[AgiSession] = []
        for fileno, _ in self._poll.poll(0, _AT_ONCE):
            listener = self._listeners.get(fileno)
            if listener is not None:
                self._take_in(listener, fresh)
                continue
            session = self._handler.live.get(fileno)
            if session is not None:
                ready.append(session)
        return fresh, ready

    def _serve(
        self, halfway: list[AgiSession], fresh: list[AgiSession], ready: list[AgiSession]
    ) -> None:
        read = [*halfway, *ready, *fresh]
        self._each(AgiSession.read, read)
        heard = [session for session in read if session.heard]
        self._each(AgiSession.judge, heard)
        self._each(AgiSession.answer, heard)
        self._each(self._watch, halfway)
        if self._resting:
            self._halfway = [session for session in fresh if not session.over]
        else:
            self._each(self._watch, fresh)

    def _each(self, step: Callable[[AgiSession], None], sessions: list[AgiSession]) -> None:
        for session in sessions:
            if session.over:
                continue
            try:
                step(session)
            except Exception as error:  # noqa: BLE001 - no failed session may stop the others
                self._loop.call_exception_handler(
                    {"message": "a hook session failed", "exception": error}
                )
                session.close()

    def _watch(self, session: AgiSession) -> None:
        session.begin_deadline()
        self._poll.register(session.fileno, select.EPOLLIN)

    def _look_again(self, served: int) -> None:
        """Schedule the next turn: at once, in a millisecond, or when a peer sends something."""
        if not self._halfway and served < _MANY and len(self._handler.live) < _MANY:
            if self._resting:
                self._resting = False
                self._loop.add_reader(self._poll.fileno(), self._turn)
            return
        if not self._resting:
            self._resting = True
            self._loop.remove_reader(self._poll.fileno())
        self._loop.call_later(0.0 if served >= _AT_ONCE else _REST_S, self._turn)

    # --- accepting -----------------------------------------------------------------------------

    def _take_in(self, listener: socket.socket, fresh: list[AgiSession]) -> None:
        """Accept the waiting connections, at most a group of them."""
        for _ in range(_AT_ONCE):
            try:
                connection, address = listener.accept()
            except OSError as error:  # none is left, or it has gone again
                if error.errno in _EXHAUSTED:
                    self._pause(listener)
                return
            session = self._let_in(connection, address[0])
            if session is not None:
                fresh.append(session)

    def _let_in(self, connection: socket.socket, peer: str) -> AgiSession | None:
        handler = self._handler
        waited_s = handler.queue_time.waited_s(connection)
        if peer not in handler.allow:
            self._turn_away(connection, Ending.REFUSED_PEER, waited_s)
            handler.observer.stranger(Ending.REFUSED_PEER, peer)
            return None
        if len(handler.live) >= handler.max_sessions:
            self._turn_away(connection, Ending.SURPLUS, waited_s)
            return None
        session = AgiSession(handler, connection, peer, waited_s)
        handler.live[session.fileno] = session
        return session

    def _turn_away(self, connection: socket.socket, ending: Ending, waited_s: float) -> None:
        connection.close()
        self._handler.observer.session_ended(ending, waited_s)

    def _pause(self, listener: socket.socket) -> None:
        """Stop accepting for `_PAUSE_S`: no descriptor is left for another connection."""
        self._poll.modify(listener.fileno(), 0)
        self._loop.call_later(_PAUSE_S, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener.fileno() in self._listeners:
            self._poll.modify(listener.fileno(), select.EPOLLIN)
