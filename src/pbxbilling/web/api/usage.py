"""What was used, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Desk
from pbxbilling.web.api.given import month


async def _usage(desk: Desk, given: Arguments, _actor: str) -> Any:
    return await desk.calls.usage.report(given["tenant"], month(given))


async def _unowned(desk: Desk, _given: Arguments, _actor: str) -> Any:
    return await desk.calls.usage.unowned()


async def _estimated(desk: Desk, given: Arguments, _actor: str) -> Any:
    return await desk.calls.usage.estimated(given["tenant"], given["month"])


async def _assign(desk: Desk, given: Arguments, actor: str) -> Any:
    return await desk.calls.usage.assign(given["leg"], given["tenant"], actor)


COMMANDS: Mapping[str, Command] = {
    "usage": Command(_usage),
    "unowned": Command(_unowned),
    "estimated": Command(_estimated),
    "assign": Command(_assign, writes=True),
}
