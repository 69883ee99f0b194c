"""The fake's own thread, its event loop, and its port."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

from rig.fakestripe.api import Api
from rig.fakestripe.webhooks import Webhooks
from rig.waiting import patience_s

T = TypeVar("T")
_LIMIT_S = 10.0


class Server:
    """Serves the API and posts webhooks until stopped. Its port stays the same throughout."""

    def __init__(self, api: Api, webhooks: Webhooks) -> None:
        self._api = api
        self._webhooks = webhooks
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._site: web.SockSite | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fakestripe", daemon=True)

    def start(self) -> None:
        """Start, and return once it answers."""
        self._thread.start()
        if not self._ready.wait(patience_s(_LIMIT_S)):
            raise TimeoutError("the fake of Stripe did not start")

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(patience_s(_LIMIT_S))
        self._socket.close()

    def refuse(self) -> None:
        """Refuse connections from now on; the port stays ours."""
        self._do(self._refuse())

    def accept(self) -> None:
        """Listen again."""
        self._do(self._accept())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(patience_s(_LIMIT_S))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._runner = web.AppRunner(
            self._api.application(),
            access_log=None,
            shutdown_timeout=0.0,
            handler_cancellation=True,
        )
        await self._runner.setup()
        await self._accept()
        posting = asyncio.create_task(self._webhooks.run(), name="webhooks")
        await asyncio.sleep(0)  # starts the task, so that it has its loop before the first publish
        self._ready.set()
        await self._stop.wait()
        posting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await posting
        await self._runner.cleanup()

    async def _accept(self) -> None:
        if self._site is None:
            self._site = web.SockSite(self._runner, self._socket)
            await self._site.start()

    async def _refuse(self) -> None:
        if self._site is None:
            return
        await self._site.stop()
        self._site = None
        # Bound without listening: the kernel refuses connections, and gives the port to no other.
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self.port))
