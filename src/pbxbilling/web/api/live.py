"""Calls: those that are live, and how those that came were judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Desk
from pbxbilling.web.api.given import instant
from pbxbilling.web.api.shape import plain

_DECISIONS = 1000  # at most, the newest


async def _status(desk: Desk, _given: Arguments, _actor: str) -> Any:
    status = desk.calls.status()
    return {**plain(status), "ready": status.ready}


async def _calls(desk: Desk, given: Arguments, _actor: str) -> Any:
    return await desk.calls.calls(given["tenant"])


async def _decisions(desk: Desk, given: Arguments, _actor: str) -> Any:
    since = instant(given, "since")
    return await desk.calls.decisions(
        tenant=given["tenant"], since=since, refused=given["refused"], limit=_DECISIONS
    )


COMMANDS: Mapping[str, Command] = {
    "status": Command(_status, needs_daemon=True),
    "calls": Command(_calls, needs_daemon=True),
    "release": Command(
        lambda desk, given, actor: desk.calls.release(given["call"], actor),
        needs_daemon=True,
    ),
    "decisions": Command(_decisions),
}
