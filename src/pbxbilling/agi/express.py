"""Hooks that stand in a crowd before the listener: read, answered and closed in one go.

With more hooks than one core judges, callers wait in the listener's queue. As a transport of the
event loop each costs half of its session before it is judged. Who has waited in a queue has long
said what he has to say, and needs no loop: served here, more of them are judged in time, and the
surplus is told by policy before its deadline, not long after.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress

from pbxbilling.agi.arrivals import since_last_bytes_s
from pbxbilling.agi.protocol import Environment, command
from pbxbilling.agi.session import Desk, Ending

_LATE = 0.8  # of the deadline; all of a crowd may wait until then, and must hear before it is over
_AT_ONCE = 100  # some 5 ms of work; then others have their turn of the loop
_USUAL_MAX_BYTES = 4096  # of an environment; a longer one is for a session
_PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT


class Express:
    """Serves a listener's queue; who has not said all yet is handed to `take_up`."""

    def __init__(
        self, listener: socket.socket, desk: Desk, take_up: Callable[[socket.socket], None]
    ) -> None:
        self._listener = listener
        self._desk = desk
        self._take_up = take_up

    def serve(self) -> None:
        """Answer those who wait, as many as fit into a turn of the loop."""
        for _ in range(_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except OSError:  # nobody is left, or gone again
                return
            since = self._desk.clock.monotonic() - since_last_bytes_s(connection)
            if not self._answered(connection, address[0], since):
                self._take_up(connection)

    def _answered(self, connection: socket.socket, peer: str, since: float) -> bool:
        """Say the verdict, if the peer may ask and its whole environment is there.

        Who has left without a word is over, too: a flood of those may not be dearer than a crowd.
        """
        desk, environment = self._desk, Environment()
        if peer not in desk.allow:
            return False
        try:
            said = connection.recv(_USUAL_MAX_BYTES, _PEEK)
            if not said:
                connection.close()
                desk.observer.session_ended(Ending.SILENT, desk.clock.monotonic() - since)
                return True
            if not environment.feed(said):
                return False
            connection.recv(_USUAL_MAX_BYTES)  # what is left unread makes a reset of the end
        except OSError:
            return False  # nothing said yet, or gone: a session knows what that is
        request = environment.request(peer)
        ending, verdict = desk.verdict(
            request, since, desk.deadlines.limit_s * _LATE, whole=environment.whole
        )
        with suppress(OSError):  # gone meanwhile: AMI tells of its channel
            connection.send(command(verdict), socket.MSG_DONTWAIT)
        connection.close()
        desk.observer.session_ended(ending, desk.clock.monotonic() - since)
        return True
