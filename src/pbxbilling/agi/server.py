"""The FastAGI listener: who is let in, for how long, how many at once, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_network
from types import TracebackType
from typing import Self

from pbxbilling.agi.sessions.allow_list import AllowList, Network
from pbxbilling.agi.sessions.deadlines import Deadlines
from pbxbilling.agi.sessions.epoll_server import EpollServer
from pbxbilling.agi.sessions.session import AgiObserver, HookHandler, Judge
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.kernel.ports import Clock

# asyncio's default of 100 drops SYNs of a burst, each then retried after a whole second, and
# Asterisk gives up after two.
_BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Where to listen, and the limits of a session.

    Beyond `max_sessions` a connection is closed at once: the dialplan's own fallback, which knows
    the number dialled, decides better than a verdict that has read nothing.
    """

    host: str = "127.0.0.1"
    port: int = 4590
    allow: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
    deadline_s: float = 0.3
    max_sessions: int = 10_000


class ListenError(ServiceError):
    """The address cannot be listened on; the message names it and the mend."""


class AgiServer:
    """Answers hooks; `judge` decides in memory, `by_policy` where it cannot be asked.

    `malformed` decides on what is no request; where it is not given, `by_policy` does. All are
    called in the event loop and must not wait. The two are handed whatever was understood, in
    doubt an empty request, so that they know blocked tenants and let emergency numbers pass.

    >>> async with AgiServer(settings, judge, by_policy, observer, clock) as server:
    ...     await server.serve()  # until close()
    """

    def __init__(
        self,
        settings: ListenerSettings,
        judge: Judge,
        by_policy: Judge,
        observer: AgiObserver,
        clock: Clock,
        malformed: Judge | None = None,
    ) -> None:
        self._settings = settings
        self._judge = judge
        self._by_policy = by_policy
        self._malformed = malformed
        self._observer = observer
        self._clock = clock
        self._closed = asyncio.Event()
        self._handler: HookHandler | None = None
        self._epoll_server: EpollServer | None = None
        self._port = settings.port

    async def start(self) -> None:
        """Listen. Raises `ListenError` where the address is taken or not ours."""
        settings, loop = self._settings, asyncio.get_running_loop()
        try:
            listeners = await _listeners(settings)
        except OSError as error:
            raise ListenError(
                f"agi.listen: cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
                "choose another address, and set PBXBILLING_HOOK to it"
            ) from error
        self._handler = HookHandler(
            self._judge,
            self._by_policy,
            self._observer,
            self._clock,
            AllowList(settings.allow),
            Deadlines(settings.deadline_s, self._clock, loop),
            settings.max_sessions,
            self._malformed,
        )
        self._port = listeners[0].getsockname()[1]
        self._epoll_server = EpollServer(listeners, self._handler, loop)
        self._epoll_server.open()

    async def serve(self) -> None:
        """Wait until the server is closed."""
        await self._closed.wait()

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for."""
        return self._port

    @property
    def sessions(self) -> int:
        """How many sessions are alive."""
        return len(self._handler.live) if self._handler else 0

    def reconfigure(self, settings: ListenerSettings) -> None:
        """Take new limits for the connections to come; those alive keep theirs.

        Host and port stay what they were when the server started.
        """
        self._settings = settings
        if self._handler is None:
            return
        self._handler.allow = AllowList(settings.allow)
        self._handler.max_sessions = settings.max_sessions
        # A queue holds one limit; sessions in the old one are served by its own timer to the end.
        self._handler.deadlines = Deadlines(
            settings.deadline_s, self._clock, asyncio.get_running_loop()
        )

    async def close(self) -> None:
        """Listen no more, let the sessions end, cut those that take longer than two deadlines."""
        if self._epoll_server is None or self._handler is None:
            return
        epoll_server, self._epoll_server = self._epoll_server, None
        epoll_server.shut()
        await self._drain(self._handler)
        epoll_server.close()
        self._closed.set()

    async def _drain(self, handler: HookHandler) -> None:
        if not handler.live:
            return
        idle = asyncio.Event()
        handler.on_idle = idle.set
        try:
            async with asyncio.timeout(2 * self._settings.deadline_s + 0.1):
                await idle.wait()
        except TimeoutError:
            for session in tuple(handler.live.values()):
                session.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def _listeners(settings: ListenerSettings) -> list[socket.socket]:
    """One for each address of the host. Raises `OSError`."""
    listeners: list[socket.socket] = []
    try:
        for family, *_, address in await asyncio.get_running_loop().getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listener = socket.create_server(address, family=family, backlog=_BACKLOG)
            listeners.append(listener)
            listener.setblocking(False)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners
