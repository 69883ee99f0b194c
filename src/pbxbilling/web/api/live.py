"""Calls: those that are live, and how those that came were judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Services
from pbxbilling.web.api.given import instant
from pbxbilling.web.api.shape import plain

_DECISIONS = 1000  # at most, the newest


async def _status(services: Services, _given: Arguments, _actor: str) -> Any:
    status = services.calls.status()
    return {**plain(status), "ready": status.ready}


async def _calls(services: Services, given: Arguments, _actor: str) -> Any:
    return await services.calls.calls(given["tenant"])


async def _decisions(services: Services, given: Arguments, _actor: str) -> Any:
    since = instant(given, "since")
    return await services.calls.decisions(
        tenant=given["tenant"], since=since, refused=given["refused"], limit=_DECISIONS
    )


COMMANDS: Mapping[str, Command] = {
    "status": Command(_status, needs_daemon=True),
    "calls": Command(_calls, needs_daemon=True),
    "release": Command(
        lambda services, given, actor: services.calls.release(given["call"], actor),
        needs_daemon=True,
    ),
    "decisions": Command(_decisions),
}
