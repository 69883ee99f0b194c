"""The API: one router per subject, served on the admin socket or in a command's process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Match

from pbxbilling import __version__
from pbxbilling.identity.principal import Principal
from pbxbilling.web.api import (
    accounts,
    adoption,
    billing,
    calls,
    identity,
    me,
    payments,
    problems,
)
from pbxbilling.web.api.problems import MEDIA_TYPE, Problem, add_error_answers
from pbxbilling.web.api.rights import Feature
from pbxbilling.web.api.routing import IsSteppedUp, PrincipalOf, ServicesOf, authorized
from pbxbilling.web.api.schema import PREFIX
from pbxbilling.web.api.services import Services

ROUTERS = tuple(
    subject.router
    for subject in (calls, accounts, billing, payments, adoption, identity, me, problems)
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
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for schema in schemas.values():
            if "enum" in schema:
                schema.pop("description", None)
        for path in document["paths"].values():
            for operation in path.values():
                answers = operation["responses"]
                if "HTTPValidationError" in str(answers.get("422")):
                    answers.pop("422")
                answers["default"] = {
                    "description": "A problem: the request was not done.",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
        schemas.update(_problem_schemas())
        return document


def _problem_schemas() -> dict[str, Any]:
    made = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    inner: dict[str, Any] = made.pop("$defs", {})
    for schema in inner.values():
        if "enum" in schema:
            schema.pop("description", None)
    return {**inner, "Problem": made}


Endpoint = Callable[..., Awaitable[Response]]


class Elsewhere(NamedTuple):
    """What serves routes that write or ask the gateway, and those that take long."""

    writes: Endpoint
    long: Endpoint


def api(
    services_of: ServicesOf | None,
    principal_of: PrincipalOf | None,
    elsewhere: Elsewhere | None = None,
    is_stepped_up: IsSteppedUp | None = None,
    more: Sequence[APIRouter] = (),
    switched_off: Collection[Feature] = (),
) -> FastAPI:
    """Build the API; `principal_of` names who acts in a request. None: only to read the document.

    `elsewhere` serves what this process does not, `more` are routes of this process alone.
    """
    app = Api(
        title="pbxbilling",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services_of, app.state.principal_of = services_of, principal_of
    app.state.is_stepped_up = is_stepped_up or _never
    app.state.switched_off = frozenset(switched_off)
    for router in more:
        app.include_router(router, prefix=PREFIX, dependencies=[Depends(authorized)])
    for router in ROUTERS:
        here = router if elsewhere is None else _served_here(router)
        app.include_router(here, prefix=PREFIX, dependencies=[Depends(authorized)])
    if elsewhere is not None:
        _add_elsewhere(app, elsewhere)
    add_error_answers(app)
    return app


def _never(_request: Request, _principal: Principal) -> bool:
    return False


def always(services: Services) -> ServicesOf:
    """Return what gives these services to every request."""

    async def given() -> Services:
        return services

    return given


def _served_here(router: APIRouter) -> APIRouter:
    """Return a router of those routes alone that only read, and are quick."""
    some = APIRouter(tags=router.tags)
    some.routes.extend(
        one
        for one in router.routes
        if isinstance(one, APIRoute) and _only_reads(one) and not _takes_long(one)
    )
    return some


def _only_reads(route: APIRoute) -> bool:
    extra: Mapping[str, Any] = route.openapi_extra or {}
    return route.methods == {"GET"} and "x-needs-gateway" not in extra and route.path != "/live"


def _takes_long(route: APIRoute) -> bool:
    extra: Mapping[str, Any] = route.openapi_extra or {}
    return "x-takes-long" in extra


def _add_elsewhere(app: FastAPI, elsewhere: Elsewhere) -> None:
    for route in ROUTES:
        if _only_reads(route) and not _takes_long(route):
            continue
        app.add_api_route(
            f"{PREFIX}{route.path}",
            elsewhere.long if _only_reads(route) else elsewhere.writes,
            methods=list(route.methods or ()),
            dependencies=[Depends(authorized)],
            include_in_schema=False,
            response_model=None,
        )


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
