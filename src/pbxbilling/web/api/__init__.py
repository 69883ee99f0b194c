"""The API: one router per subject, served on the admin socket or in a command's process."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match

from pbxbilling import __version__
from pbxbilling.web.api import accounts, adoption, billing, calls, payments, privacy
from pbxbilling.web.api.routing import PREFIX, ActorOf, add_error_answers
from pbxbilling.web.api.services import Services

ROUTERS = tuple(
    subject.router for subject in (calls, accounts, billing, payments, adoption, privacy)
)
ROUTES = tuple(one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute))


class Needs(NamedTuple):
    """What a route requires; a request is refused without it."""

    route: str
    daemon: bool = False
    gateway: bool = False


class Api(FastAPI):
    """The application; its document is the same for the compiled core and the sources."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; enums have values alone, because compiled ones lose docstrings."""
        document = super().openapi()
        for schema in document["components"]["schemas"].values():
            if "enum" in schema:
                schema.pop("description", None)
        return document


def api(services: Services | None, actor_of: ActorOf | None) -> FastAPI:
    """Build the API; `actor_of` names the actor of a request. None: only to read the document."""
    app = Api(
        title="pbxbilling",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services, app.state.actor_of = services, actor_of
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    add_error_answers(app)
    return app


def warmed_up(app: FastAPI) -> FastAPI:
    """Do now what FastAPI leaves to the first request, which would hold the loop for 80 ms."""
    import_module("anyio._backends._asyncio")
    for route in app.routes:
        route.matches({"type": "http", "method": "GET", "path": "", "root_path": ""})
    return app


def route_of(method: str, path: str) -> APIRoute | None:
    """Return the route that serves a path below the prefix; None if there is none."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    return next((one for one in ROUTES if one.matches(scope)[0] is Match.FULL), None)


def needs_of(method: str, path: str) -> Needs:
    """Return what the route of a request needs; a path without a route needs nothing."""
    route = route_of(method, path)
    if route is None:
        return Needs("")
    extra: Mapping[str, Any] = route.openapi_extra or {}
    return Needs(route.name, "x-needs-daemon" in extra, "x-needs-gateway" in extra)
