"""Answers requests that take long in processes beside this one, so that no other one waits.

They stay for the next such request: to start one takes two seconds of CPU. Each serves the same
routers on a reader of its own, one request at a time.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import httpx
import uvloop
from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process
from fastapi import Request, Response

from pbxbilling.config.settings import Settings
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.errors import BusyError, ServiceError
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.web.api import api
from pbxbilling.web.api.rights import Feature
from pbxbilling.web.api.routing import Who
from pbxbilling.web_process.readers import Readers
from pbxbilling.worker.giving_way import give_way

AT_ONCE: Final = 2
WAITING_MOST: Final = 32
LIMIT_S: Final = 120.0  # of one request: a statement of 100,000 calls takes five seconds

_SENT_ON: Final = ("accept",)
_GIVEN_BACK: Final = ("content-type", "link", "retry-after")


class LostError(ServiceError):
    """The process that made the answer is gone."""

    status = 503
    code = "worker_failed"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a principal who may make it."""

    settings: Settings
    principal: Principal
    path: str
    query: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to it; `fault` is the traceback of a bug."""

    status: int = 500
    headers: Mapping[str, str] | None = None
    body: bytes = b""
    fault: str = ""


class Beside:
    """Serves GET routes in other processes."""

    def __init__(self, settings: Settings, limit_s: float = LIMIT_S) -> None:
        self._settings = settings
        self._limit_s = limit_s
        self._at_once = CapacityLimiter(AT_ONCE)

    async def endpoint(self, request: Request, principal: Who) -> Response:
        """Answer a request. Raises BusyError, LostError."""
        if self._at_once.statistics().tasks_waiting >= WAITING_MOST:
            raise BusyError("too many requests wait that take long: try again in a few seconds")
        asked = Asked(
            self._settings,
            principal,
            request.url.path,
            request.url.query.encode("ascii", "backslashreplace"),
            {name: request.headers[name] for name in _SENT_ON if name in request.headers},
        )
        answered = await self._answered(asked)
        if answered.fault:
            raise RuntimeError(answered.fault)
        return Response(answered.body, answered.status, dict(answered.headers or {}))

    async def _answered(self, asked: Asked) -> Answered:
        try:
            with fail_after(self._limit_s):
                return await to_process.run_sync(
                    answer, asked, cancellable=True, limiter=self._at_once
                )
        except TimeoutError:
            msg = f"the answer took longer than {self._limit_s:.0f} s: ask for less, or later"
            raise BusyError(msg) from None
        except BrokenWorkerProcess as error:
            msg = "the process that made the answer has ended, perhaps for want of memory: again?"
            raise LostError(msg) from error


# --- in a process beside -------------------------------------------------------------------------


def answer(asked: Asked) -> Answered:
    """Answer a request in this process, which gives way to all others."""
    return _here().answer(asked)


@cache
def _here() -> Here:
    give_way()
    return Here()


class Here:
    """The application of this process: it has no live data, and asks no daemon."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._settings: Settings | None = None
        self._client: httpx.AsyncClient
        self._principal: Principal

    def answer(self, asked: Asked) -> Answered:
        """Return the answer, or what went wrong."""
        try:
            return self._runner.run(self._answer(asked))
        except Exception:  # noqa: BLE001 - the other process reports it
            return Answered(fault=traceback.format_exc())

    async def _answer(self, asked: Asked) -> Answered:
        if self._settings != asked.settings:
            self._client, self._settings = self._client_of(asked.settings), asked.settings
        self._principal = asked.principal
        url = httpx.URL(path=asked.path, query=asked.query)
        answer = await self._client.get(url, headers=asked.headers)
        headers = {name: answer.headers[name] for name in _GIVEN_BACK if name in answer.headers}
        return Answered(answer.status_code, headers, answer.content)

    def _client_of(self, settings: Settings) -> httpx.AsyncClient:
        store = SqlStore.read_only(database_at(settings.web_database))
        readers = Readers(store, settings, SystemClock())
        off = [*map(Feature, settings.switched_off)]
        transport = httpx.ASGITransport(api(readers.services, self._acting, switched_off=off))
        return httpx.AsyncClient(transport=transport, base_url="http://beside")

    async def _acting(self, _request: Request) -> Principal:
        return self._principal
