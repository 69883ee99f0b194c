"""Administration over the Unix socket: who may open it is trusted; the kernel says who it is."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import FastAPI, Request, Response

from pbxbilling.config.faults import ConfigError
from pbxbilling.ports import GatewayError, StoreError
from pbxbilling.services.accounts import AccountsError
from pbxbilling.services.errors import AdministrationError
from pbxbilling.web.actor import SUDO_USER, actor
from pbxbilling.web.commands import COMMANDS, run
from pbxbilling.web.commands.command import Desk

REFUSALS = (
    AdministrationError, AccountsError, ConfigError, GatewayError, StoreError, ValueError,
)  # fmt: skip


def admin_app(desk: Desk) -> FastAPI:
    """One route: a command by its name, its arguments as a JSON object.

    It is served where `request.state.peer_uid` is known: on a Unix socket alone.
    """
    app = FastAPI(title="pbxbilling administration")

    @app.post("/commands/{name}")
    async def command(name: str, request: Request) -> Response:
        if name not in COMMANDS:
            return Response(f"no command {name!r}", 404, media_type="text/plain")
        given = orjson.loads(await request.body() or b"{}")
        uid, sudo_user = request.state.peer_uid, request.headers.get(SUDO_USER)
        who = await asyncio.to_thread(actor, uid, sudo_user)
        try:
            result = await run(desk, name, given, who)
        except REFUSALS as fault:
            return Response(str(fault), 422, media_type="text/plain")
        return Response(result, media_type="application/json")

    return app
