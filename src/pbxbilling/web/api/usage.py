"""What was used, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Services
from pbxbilling.web.api.given import month


async def _usage(services: Services, given: Arguments, _actor: str) -> Any:
    return await services.calls.usage.report(given["tenant"], month(given))


async def _unowned(services: Services, _given: Arguments, _actor: str) -> Any:
    return await services.calls.usage.unowned()


async def _estimated(services: Services, given: Arguments, _actor: str) -> Any:
    return await services.calls.usage.estimated(given["tenant"], given["month"])


async def _assign(services: Services, given: Arguments, actor: str) -> Any:
    return await services.calls.usage.assign(given["leg"], given["tenant"], actor)


COMMANDS: Mapping[str, Command] = {
    "usage": Command(_usage),
    "unowned": Command(_unowned),
    "estimated": Command(_estimated),
    "assign": Command(_assign, writes=True),
}
