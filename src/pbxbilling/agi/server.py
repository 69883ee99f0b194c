"""The FastAGI listener: which peers may connect, how many, for how long, and how it stops."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import TracebackType
from typing import Self

from pbxbilling.agi.sessions.allow_list import AllowList
from pbxbilling.agi.sessions.deadlines import Deadlines
from pbxbilling.agi.sessions.epoll_server import EpollServer
from pbxbilling.agi.sessions.session import AgiObserver, HookHandler, Judge
from pbxbilling.kernel.addresses import Network
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.kernel.ports import Clock

# asyncio's default of 100 drops SYNs in a burst; each is retried only after a second, and Asterisk
# gives up after two.
_BACKLOG = 4096


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Where to listen, and the limits of sessions.

    Beyond `max_sessions` a connection is closed at once: the dialplan's own fallback knows the
    dialled number and decides better than a verdict without a request.
    """

    host: str = "127.0.0.1"
    port: int = 4590
    allow: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    deadline_s: float = 0.3
    max_sessions: int = 10_000
    token: str = field(default="", repr=False)  # of the path, as outbound?k=TOKEN; "" for none


class ListenError(ServiceError):
    """The address cannot be listened on; the message names it and the fix."""


class AgiServer:
    """Answers hooks: `judge` decides in memory, `by_policy` where `judge` fails or is too late.

    `malformed` decides where there is no valid request; by default `by_policy` does. All are
    called in the event loop and must not wait. `by_policy` and `malformed` get whatever was
    parsed, perhaps an empty request, so that they know blocked tenants and emergency numbers.

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
        """Start listening. Raises `ListenError` where the address is taken or not ours."""
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
            settings.token,
        )
        self._port = listeners[0].getsockname()[1]
        self._epoll_server = EpollServer(listeners, self._handler, loop)
        self._epoll_server.open()

    async def serve(self) -> None:
        """Wait until the server is closed."""
        await self._closed.wait()

    @property
    def port(self) -> int:
        """The port that is listened on, also where the settings say 0."""
        return self._port

    @property
    def sessions(self) -> int:
        """The number of live sessions."""
        return len(self._handler.live) if self._handler else 0

    def reconfigure(self, settings: ListenerSettings) -> None:
        """Apply new limits to future connections; live sessions keep theirs.

        Host and port stay as they were at the start.
        """
        self._settings = settings
        if self._handler is None:
            return
        self._handler.allow = AllowList(settings.allow)
        self._handler.max_sessions = settings.max_sessions
        self._handler.token = settings.token
        # A `Deadlines` has one limit; the old one keeps its timer until its sessions are over.
        self._handler.deadlines = Deadlines(
            settings.deadline_s, self._clock, asyncio.get_running_loop()
        )

    async def close(self) -> None:
        """Stop listening, let sessions end, close those that take longer than two deadlines."""
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
    """Open one listener for each address of the host. Raises `OSError`."""
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
