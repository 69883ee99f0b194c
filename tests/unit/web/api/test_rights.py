"""The walk: every route, by every role, on its own objects, another tenant's and the site's.

`rights.txt` has the answers, for people to read; a route or a role that changes them shows there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute

from pbxbilling.identity.permissions import OF_TENANTS, SHIPPED_ROLES, Role
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.web.api import ROUTES, api
from pbxbilling.web.api.rights import RIGHTS, UnauthenticatedError
from pbxbilling.web.api.services import Services
from pbxbilling.web_process.sessions.routes import SessionRoutes

ANSWERS = Path(__file__).with_name("rights.txt")
OWN, ANOTHERS = "acme", "globex"
REACHED = {226, 422}
"""A body that is missing is noticed after the rights; that of a step-up, too, which has a 403."""


class ReachedError(ServiceError):
    """The route was reached: whoever asks may use it."""

    status = 226


async def reached() -> Services:
    raise ReachedError("reached")


def principal(role: Role) -> Principal:
    tenant = OWN if role in OF_TENANTS else None
    return Principal(ActorType.USER, role, SHIPPED_ROLES[role], tenant)


async def by_role(request: Request) -> Principal:
    role = request.headers.get("role")
    if role is None:
        raise UnauthenticatedError("nobody")
    request.state.session = SimpleNamespace(digest="")
    return principal(Role(role))


class Reached:
    """Whatever a route asks of it, the route was reached."""

    def __getattr__(self, name: str) -> Any:
        raise ReachedError(name)


def session_router() -> APIRouter:
    """The routes of the web process alone."""
    reached: Any = Reached()
    return SessionRoutes(reached, reached, reached, reached).router()


def application() -> FastAPI:
    return api(reached, by_role, is_stepped_up=_is_stepped_up, more=[session_router()])


def _is_stepped_up(request: Request, _principal: Principal) -> bool:
    return request.headers.get("step-up") == "yes"


def routes() -> Iterator[tuple[str, str]]:
    for route in (*ROUTES, *session_router().routes):
        assert isinstance(route, APIRoute)
        for method in sorted(route.methods or ()):
            yield method, route.path


async def answers_of(client: httpx.AsyncClient, method: str, path: str) -> str:
    """Return a line: who reaches the route, then what a tenant's people get, own and another's."""
    filled = {"tenant": ANOTHERS}

    async def status(role: Role, step_up: str = "yes", **query: str) -> int:
        url = (
            f"/api/v1{path}".replace("{tenant}", filled["tenant"]).replace("{", "").replace("}", "")
        )
        answer = await client.request(
            method, url, headers={"role": role, "step-up": step_up}, params=query
        )
        return answer.status_code

    sides = [role for role in Role if role not in OF_TENANTS]
    reach = [role for role in sides if await status(role) in REACHED]
    line = f"{method} {path}: {' '.join(reach)}"
    for role in sorted(OF_TENANTS):
        filled["tenant"] = OWN
        own = await status(role)
        filled["tenant"] = ANOTHERS
        other = await status(role, tenant=ANOTHERS)
        line += f" | {role} {_word(own)} {_word(other)}"
    anybody = reach or "yes" in line
    without = [role for role in Role if await status(role, "no") in REACHED]
    return f"{line} | step-up" if anybody and not without else line


def _word(status: int) -> str:
    return "yes" if status in REACHED else str(status)


async def test_every_answer_is_the_one_on_paper() -> None:
    transport = httpx.ASGITransport(app=application())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        found = [await answers_of(client, *route) for route in routes()]
        nobody = [(await client.request(m, f"/api/v1{path}")).status_code for m, path in routes()]
    assert found == ANSWERS.read_text().splitlines()
    opened = [route for route, status in zip(routes(), nobody, strict=True) if status != 401]
    assert sorted(opened) == [
        ("GET", "/problems"),
        ("GET", "/problems/{code}"),
        ("POST", "/session"),
    ]


def test_the_table_has_every_route_and_no_other() -> None:
    assert sorted(routes()) == sorted(RIGHTS)


async def test_a_route_that_the_table_lacks_is_refused_to_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(RIGHTS, ("GET", "/tenants"))
    transport = httpx.ASGITransport(app=application())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for role in Role:
            answer = await client.get("/api/v1/tenants", headers={"role": role})
            assert answer.status_code == 403
