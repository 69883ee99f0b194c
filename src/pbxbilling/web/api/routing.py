"""What the routers share: dependencies, and answers in JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel
from starlette.types import Receive, Scope, Send

from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import Actor as AuditActor
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.errors import NotFoundError
from pbxbilling.kernel.text import check_name
from pbxbilling.web.api.rights import (
    RestrictedError,
    StepUpNeededError,
    SwitchedOffError,
    check_right,
    is_open,
)
from pbxbilling.web.api.schema import ADDRESS, PREFIX, REQUEST_ID, Schema
from pbxbilling.web.api.services import Answer, Services
from pbxbilling.web.api.shape import encoded, plain, shaped

T = TypeVar("T")

# Also part of the API's document: such a route is refused while no daemon runs.
NEEDS_DAEMON: dict[str, Any] = {"x-needs-daemon": True}
NEEDS_GATEWAY: dict[str, Any] = {"x-needs-daemon": True, "x-needs-gateway": True}
# The web process answers such a route beside itself: it takes more CPU than others can wait for.
TAKES_LONG: dict[str, Any] = {"x-takes-long": True}
PrincipalOf = Callable[[Request], Awaitable[Principal]]
IsSteppedUp = Callable[[Request, Principal], bool]
ServicesOf = Callable[[], Awaitable[Services]]


async def _services(request: Request) -> Services:
    services_of: ServicesOf = request.app.state.services_of
    return await services_of()


async def _principal(request: Request) -> Principal:
    found: Principal | None = getattr(request.state, "principal", None)
    if found is None:
        principal_of: PrincipalOf = request.app.state.principal_of
        found = request.state.principal = await principal_of(request)
    return found


Reason = Annotated[
    str,
    Query(max_length=500, description="Why, in words for the audit trail."),
    AfterValidator(lambda text: check_name(text) if text else ""),
]
Served = Annotated[Services, Depends(_services)]
Who = Annotated[Principal, Depends(_principal)]


async def authorized(request: Request) -> None:
    """Raise where the principal may not use this route; a dependency of every route."""
    path: str = request.scope["route"].path.removeprefix(PREFIX)
    if is_open(request.method, path):
        return
    principal = await _principal(request)
    asked = request.query_params.get("tenant")
    right = check_right(principal, request.method, path, request.path_params, asked)
    if (feature := right.feature) is not None and feature in request.app.state.switched_off:
        raise SwitchedOffError(feature)
    if right.step_up and principal.type is ActorType.USER:
        is_stepped_up: IsSteppedUp = request.app.state.is_stepped_up
        if not is_stepped_up(request, principal):
            raise StepUpNeededError("show your password or a code once more, then repeat this")
    if principal.tenant is not None and request.method != "GET" and not right.always:
        services = await _services(request)
        if restricted := services.administration.restriction(principal.tenant):
            raise RestrictedError(restricted)


async def _actor(principal: Who, request: Request, reason: Reason = "") -> AuditActor:
    """Return who acts; only the web process, which names others, says where they asked from."""
    if principal.type is ActorType.COMMAND:
        return principal.actor(reason=reason)
    address, ident = (request.headers.get(name, "") for name in (ADDRESS, REQUEST_ID))
    return principal.actor(address, ident, reason)


async def _for_tenant(principal: Who, tenant: str | None = None) -> str | None:
    return principal.tenant if tenant is None else tenant


Actor = Annotated[AuditActor, Depends(_actor)]
ForTenant = Annotated[str | None, Depends(_for_tenant)]
"""The tenant that a list is about: the one in the query, or the principal's own; None: all."""


async def written(result: Any, schema: type[Schema] | None = None) -> Response:
    """Return a result as JSON, encoded in a thread: a long list would block the event loop.

    With `schema` the result, or each row of a list, has the schema's fields (see `shaped`). The
    routes' schemas describe the others; a contract test compares the two.
    """
    write = plain if schema is None else partial(shaped, schema)
    return Response(await asyncio.to_thread(_json, result, write), media_type="application/json")


async def page(
    request: Request,
    rows: Sequence[Any],
    limit: int,
    key: Callable[[Any], Any],
    schema: type[Schema] | None = None,
) -> Response:
    """Return a page of a list as `written`; its header `Link` leads to the next one (RFC 8288).

    `key` is that of a row, which the next page begins after. A page that is not full is the last.
    """
    answer = await written(list(rows), schema)
    if len(rows) >= limit:
        onwards = request.url.include_query_params(after=key(rows[-1]))
        answer.headers["Link"] = f'<{onwards.path}?{onwards.query}>; rel="next"'
    return answer


def following(rows: Sequence[T], after: str | None, key: Callable[[T], Any]) -> Sequence[T]:
    """Return the rows that follow the one with that key; None: all. Raises NotFoundError."""
    if after is None:
        return rows
    place = next((n for n, row in enumerate(rows) if str(key(row)) == after), None)
    if place is None:
        raise NotFoundError(f"after: no row {after!r} any more: read the list from its begin")
    return rows[place + 1 :]


class Pieces(StreamingResponse):
    """A JSON answer that is sent piece by piece, because it is as long as a file."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        super().__init__((), media_type="application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close the answer whether the client has taken it or not."""
        async with self._answer as self.body_iterator:
            await super().__call__(scope, receive, send)


def reads(schema: type[BaseModel]) -> dict[str, Any]:
    """Return what a route's document has of a body that the route reads by itself."""
    content = {"application/json": {"schema": schema.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def _json(result: Any, write: Callable[[Any], Any]) -> bytes:
    """Encode a list row by row: one call for all of it would hold the interpreter's lock."""
    if isinstance(result, list):
        return b"[" + b",".join(encoded(write(row)) for row in result) + b"]"
    return encoded(write(result))
