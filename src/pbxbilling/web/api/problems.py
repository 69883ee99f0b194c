"""Answers to what cannot be done, by RFC 9457.

The `type` of a problem is an address of this API, which explains it and never changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException

from pbxbilling.identity.permissions import Permission
from pbxbilling.kernel.errors import NotFoundError, ServiceError
from pbxbilling.web.api.rights import ForbiddenError
from pbxbilling.web.api.schema import PREFIX, Schema

MEDIA_TYPE: Final = "application/problem+json"
UNREADABLE: Final = 400  # FastAPI's answer to a body that is too deep, or no UTF-8

# Python before 3.13 has the names of RFC 7231 for these two.
RENAMED: Final[Mapping[int, str]] = {413: "Content Too Large", 422: "Unprocessable Content"}

MEANINGS: Final[Mapping[str, str]] = {
    "refused": "The present state does not allow it; the detail says why, and what to do.",
    "not_found": "There is no such object, or it is not yours to see.",
    "no_route": "There is nothing at that address.",
    "switched_off": "The route is a part of what this site has switched off.",
    "wrong_method": "That address does not take this method.",
    "contradiction": "What was sold contradicts itself; nothing is charged.",
    "invalid": "The request is not of the form that its route takes; errors say where.",
    "stale": "Somebody has changed it since you read it: read it again (If-Match).",
    "unconditional": "The change must say which version it is of: If-Match, with the ETag read.",
    "key_reused": "The Idempotency-Key was sent before, with another request.",
    "still_running": "A request with the same Idempotency-Key is being done: ask again.",
    "unauthenticated": "Nobody is known to act: log in, or send a token in force.",
    "forbidden": "A permission is missing (missing_scope), or you act for one tenant alone.",
    "restricted": "The tenant's status lets its people read and pay alone.",
    "step_up_needed": "Show your password or a code once more, then repeat the request.",
    "wrong_login": "Mail address, password or code is wrong.",
    "too_many": "Too many attempts have failed from there: wait for Retry-After.",
    "cross_site": "Another site made the browser send this; it was not done.",
    "misdirected": "The request is meant for another host.",
    "too_large": "The body is longer than any that a route takes.",
    "busy": "Too much waits already: try again in a second.",
    "needs_daemon": "The daemon is away; what is on record can be read meanwhile.",
    "store_unavailable": "The database cannot serve at this moment.",
    "gateway_failed": "The payment gateway could not be reached, or did not act.",
    "worker_failed": "The work beside the daemon failed; nothing was changed.",
    "failed": "An error of ours; the daemon's log has it under the request's id.",
}


class Fault(Schema):
    """One fault of a request: what is wrong, and where: in the body, or in a parameter."""

    detail: str
    pointer: str | None = Field(None, description="A JSON pointer into the body, RFC 6901.")
    parameter: str | None = Field(None, description="A parameter of path, query or header.")


class Problem(Schema):
    """Why a request was not done."""

    type: str = Field(description="The address of an explanation.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="A word for programs.")
    missing_scope: Permission | None = Field(None, description="The permission that lacks.")
    errors: list[Fault] = Field([], description="Each fault of the request.")


class Meaning(Schema):
    """What a kind of problem means."""

    type: str
    code: str
    meaning: str


router = APIRouter(tags=["problems"])


@router.get("/problems", response_model=list[Meaning])
async def problems() -> list[Meaning]:
    """List all kinds of problems."""
    return [_meaning(code) for code in MEANINGS]


@router.get("/problems/{code}", response_model=Meaning)
async def problem_named(code: str) -> Meaning:
    """Explain one kind of problem."""
    if code not in MEANINGS:
        raise NotFoundError(f"no problem {code!r}")
    return _meaning(code)


def _meaning(code: str) -> Meaning:
    return Meaning(type=type_of(code), code=code, meaning=MEANINGS[code])


def type_of(code: str) -> str:
    """Return the address that explains a kind of problem."""
    return f"{PREFIX}/problems/{code}"


class InvalidRequest(ServiceError):  # noqa: N818 - named as its code
    """A request is not of the form that its route takes."""

    code = "invalid"

    def __init__(self, faults: Sequence[Any]) -> None:
        """Say in a sentence each what pydantic found; places begin with where they are, `body`."""
        self.places = tuple(map(_fault, faults))
        super().__init__("; ".join(map(_sentence, faults)))


def title_of(status: int) -> str:
    """Return the name of a status, by RFC 9110 whatever the version of Python."""
    return RENAMED.get(status) or HTTPStatus(status).phrase


def problem(
    status: int, code: str, detail: str, instance: str, more: Mapping[str, Any] | None = None
) -> bytes:
    """Return the body of a problem."""
    return orjson.dumps(
        {
            "type": type_of(code),
            "title": title_of(status),
            "status": status,
            "detail": detail,
            "instance": instance,
            "code": code,
            **(more or {}),
        }
    )


def add_error_answers(app: FastAPI) -> None:
    """Answer each error that a caller can fix with its status, a code and a sentence.

    Any other exception is a bug: 500, and a line in the log.
    """

    @app.exception_handler(ServiceError)
    async def refused(request: Request, error: ServiceError) -> Response:
        more: dict[str, Any] = {}
        headers: dict[str, str] = {}
        if isinstance(error, ForbiddenError) and error.missing is not None:
            more["missing_scope"] = error.missing.value
        if places := getattr(error, "places", ()):
            more["errors"] = places
        if (retry_s := getattr(error, "retry_s", None)) is not None:
            headers["Retry-After"] = str(max(1, round(retry_s)))
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return _answer(request, error.status, error.code, str(error), more, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return await refused(request, InvalidRequest(error.errors()))

    @app.exception_handler(HTTPException)
    async def unreadable(request: Request, error: HTTPException) -> Response:
        if error.status_code == UNREADABLE:
            detail = "body: expected JSON that can be read"
            return _answer(request, 422, "invalid", detail, {"errors": [{"detail": detail}]})
        code = {404: "no_route", 405: "wrong_method"}.get(error.status_code, "failed")
        headers = dict(error.headers or {})
        return _answer(request, error.status_code, code, str(error.detail), {}, headers)


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    more: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = problem(status, code, detail, request.url.path, more)
    return Response(body, status, headers, MEDIA_TYPE)


def _fault(fault: Any) -> dict[str, str]:
    where, *path = (str(part) for part in fault["loc"])
    said = str(fault["msg"]).removeprefix("Value error, ")
    if where == "body":
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in path)
        return {"detail": said, "pointer": "".join(f"/{part}" for part in escaped)}
    return {"detail": said, "parameter": ".".join(path)}


def _sentence(fault: Any) -> str:
    place: Sequence[Any] = fault["loc"]
    where = ".".join(str(part) for part in place[1:]) or str(place[0])
    return f"{where}: {str(fault['msg']).removeprefix('Value error, ')}"
