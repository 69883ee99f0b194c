"""Every command by its name: the same whether a running daemon serves it or the database alone.

A group of commands is a module with its own COMMANDS, which is named here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from pbxbilling.web.api import (
    accounts,
    figures,
    live,
    payments,
    privacy,
    statements,
    usage,
)
from pbxbilling.web.api.command import Arguments, Command, Services
from pbxbilling.web.api.shape import plain

COMMANDS: Mapping[str, Command] = {
    **live.COMMANDS,
    **accounts.COMMANDS,
    **usage.COMMANDS,
    **privacy.COMMANDS,
    **figures.COMMANDS,
    **payments.COMMANDS,
    **statements.COMMANDS,
}


async def run(services: Services, name: str, given: Arguments, actor: str) -> bytes:
    """Run a command and give its result as JSON; KeyError for a name that is none.

    Bytes are JSON already; else it is made beside the event loop, for there may be much of it.
    """
    result = await COMMANDS[name].serve(services, given, actor)
    return result if isinstance(result, bytes) else await asyncio.to_thread(_written, result)


def _written(result: Any) -> bytes:
    """A list row by row: the whole of it in one go would hold up the event loop from a thread."""
    if isinstance(result, list):
        return b"[" + b",".join(orjson.dumps(plain(row)) for row in result) + b"]"
    return orjson.dumps(plain(result))
