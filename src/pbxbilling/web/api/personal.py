"""What is held on a tenant, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Services


async def _forget(services: Services, given: Arguments, actor: str) -> Any:
    return await services.forgetter.forget(given["tenant"], actor)


COMMANDS: Mapping[str, Command] = {"forget": Command(_forget, writes=True)}
