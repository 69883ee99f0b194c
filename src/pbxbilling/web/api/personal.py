"""What is held on a tenant, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.web.api.command import Arguments, Command, Desk


async def _forget(desk: Desk, given: Arguments, actor: str) -> Any:
    return await desk.forgetter.forget(given["tenant"], actor)


COMMANDS: Mapping[str, Command] = {"forget": Command(_forget, writes=True)}
