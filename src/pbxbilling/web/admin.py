"""Administration over the Unix socket: who may open it is trusted; the kernel says who it is."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from pbxbilling.accounts.apply import AccountsError
from pbxbilling.config.faults import ConfigError
from pbxbilling.kernel.errors import AdministrationError, GatewayError, StoreError
from pbxbilling.web.actor import SUDO_USER, actor
from pbxbilling.web.api import COMMANDS, run
from pbxbilling.web.api.command import Arguments, Services

_NO_OBJECT = "expected the command's arguments as a JSON object"

REFUSALS = (
    AdministrationError, AccountsError, ConfigError, GatewayError, StoreError, ValueError,
)  # fmt: skip


def admin_app(services: Services) -> FastAPI:
    """One route: a command by its name, its arguments as a JSON object.

    It is served where `request.state.peer_uid` is known: on a Unix socket alone.
    """
    app = FastAPI(title="pbxbilling administration")

    @app.post("/commands/{name}")
    async def command(name: str, request: Request) -> Response:
        if name not in COMMANDS:
            return Response(f"no command {name!r}", 404, media_type="text/plain")
        given = _arguments(await request.body())
        if given is None:
            return Response(_NO_OBJECT, 422, media_type="text/plain")
        uid, sudo_user = request.state.peer_uid, request.headers.get(SUDO_USER)
        who = await asyncio.to_thread(actor, uid, sudo_user)
        try:
            result = await run(services, name, given, who)
        except REFUSALS as fault:
            return Response(str(fault), 422, media_type="text/plain")
        return Response(result, media_type="application/json")

    return app


class _Arguments(dict[str, Any]):
    """What is asked for and was not given is named."""

    def __missing__(self, key: str) -> Any:
        msg = f"the argument {key!r} is missing"
        raise AdministrationError(msg)


def _arguments(body: bytes) -> Arguments | None:
    """The arguments in a body; None where it is no JSON object."""
    try:
        given = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        return None
    return _Arguments(given) if isinstance(given, dict) else None
