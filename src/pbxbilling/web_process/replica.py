"""What is live, as the daemon's stream tells it: read here, so that no page asks the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import httpx
import orjson

from pbxbilling.calls.live.load import NOTHING, Load
from pbxbilling.calls.views import CallKey, CallView, StatusView
from pbxbilling.kernel.ports import Clock
from pbxbilling.web.api.schema import PREFIX
from pbxbilling.web_process.forward import admin_client

FRESH_S: Final = 5.0
AGAIN_S: Final = 1.0
FIRST_S: Final = 10.0  # of a site with 50,000 calls
_KEYS: Final = {"from": "caller", "to": "number"}  # names of a call that are no attributes


class Replica:
    """The live calls, loads and status of the daemon; a `LiveView` while it is fresh."""

    def __init__(self, admin: Path, clock: Clock) -> None:
        self._admin = admin
        self._clock = clock
        self._heard_at = float("-inf")
        self._is_whole = False
        self._has_tried = asyncio.Event()
        self._calls: dict[str, Any] = {}
        self._loads: dict[str, Load] = {}
        self._left_s: dict[str, float | None] = {}
        self._status: Any = None

    # --- LiveView ------------------------------------------------------------------------------

    def calls(self, tenant: str | None = None, after: CallKey | None = None) -> Iterator[CallView]:
        """Yield live calls, the oldest first."""
        chosen = [
            (CallKey(one.started_at, one.call), one)
            for one in self._calls.values()
            if tenant in {None, one.tenant}
        ]
        for key, call in sorted(chosen, key=lambda each: each[0]):
            if after is None or key > after:
                yield call

    def status(self) -> StatusView:
        """Return the daemon's status."""
        status: StatusView = self._status
        return status

    def load(self, tenant: str) -> Load:
        """Return what the tenant holds against its limits."""
        return self._loads.get(tenant, NOTHING)

    def allowance_left_s(self, tenant: str) -> float | None:
        """Return the seconds left of a hard allowance; None: not hard, or no call drew on it."""
        return self._left_s.get(tenant)

    # --- the stream ----------------------------------------------------------------------------

    @property
    def age_s(self) -> float:
        """How long ago the daemon was heard last."""
        return self._clock.monotonic() - self._heard_at

    @property
    def is_fresh(self) -> bool:
        """Whether it is whole, and the daemon was heard lately."""
        return self._is_whole and self.age_s < FRESH_S

    async def begun(self) -> None:
        """Return when it is whole for the first time, or the daemon has not answered."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                await self._has_tried.wait()

    async def run(self) -> None:
        """Follow the stream until cancelled, each time from the beginning."""
        async with admin_client(self._admin, FRESH_S) as client:
            while True:
                # It is away, or of another version: it is asked again.
                with suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
                    await self._follow(client)
                self._has_tried.set()
                await asyncio.sleep(AGAIN_S)

    async def _follow(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", f"{PREFIX}/live") as answer:
            answer.raise_for_status()
            self._is_whole = False
            calls, loads, left = dict[str, Any](), dict[str, Load](), dict[str, float | None]()
            async for line in answer.aiter_lines():
                said = orjson.loads(line)
                if not self._is_whole:
                    _take(said, calls, loads, left)
                    if said["whole"]:
                        self._calls, self._loads, self._left_s = calls, loads, left
                        self._status, self._is_whole = _as_object(said["status"]), True
                        self._has_tried.set()
                else:
                    _take(said, self._calls, self._loads, self._left_s)
                    if said["status"] is not None:
                        self._status = _as_object(said["status"])
                self._heard_at = self._clock.monotonic()


def _take(
    said: Mapping[str, Any],
    calls: dict[str, Any],
    loads: dict[str, Load],
    left: dict[str, float | None],
) -> None:
    """Put what a line says into what is known."""
    for ident, call in said["calls"].items():
        calls[ident] = _as_object(call)
        calls[ident].started_at = datetime.fromisoformat(call["started_at"])
    for ident in said["gone"]:
        calls.pop(ident, None)
    for tenant, load in said["loads"].items():
        loads[tenant] = Load(*load)
    left.update(said["left"])


def _as_object(value: Any) -> Any:
    """Return JSON with attributes, as the API's schemas read them."""
    if isinstance(value, Mapping):
        made = SimpleNamespace()
        for key, one in value.items():
            setattr(made, _KEYS.get(str(key), str(key)), _as_object(one))
        return made
    return [_as_object(one) for one in value] if isinstance(value, list) else value
