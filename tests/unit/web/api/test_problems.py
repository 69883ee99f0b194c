"""Problems: each has an address that explains it, and says where a request is wrong."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

import pbxbilling
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.web.api import api
from pbxbilling.web.api.problems import MEANINGS, title_of

PAGE = Path(__file__).parents[4] / "docs/reference/problems.md"


def below(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


def test_each_error_that_a_caller_is_told_has_a_meaning() -> None:
    for found in pkgutil.walk_packages(pbxbilling.__path__, "pbxbilling."):
        if not found.name.endswith("__main__"):
            import_module(found.name)
    ours = {one for one in below(ServiceError) if one.__module__.startswith("pbxbilling.")}
    assert {one.code for one in ours} - MEANINGS.keys() == set()


def test_the_page_has_each_problem() -> None:
    text = PAGE.read_text()
    assert [code for code in MEANINGS if f"| `{code}` |" not in text] == []


async def answer(method: str, path: str, **how: Any) -> httpx.Response:
    async def root(_request: Any) -> Principal:
        return Principal.command("root")

    async def services() -> Any:
        return None

    transport = httpx.ASGITransport(app=api(services, root))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        return await client.request(method, path, **how)


def test_titles_do_not_depend_on_the_version_of_python() -> None:
    assert [title_of(status) for status in (404, 413, 422)] == [
        "Not Found",
        "Content Too Large",
        "Unprocessable Content",
    ]


async def test_a_problem_leads_to_its_explanation() -> None:
    said = (await answer("GET", "/nowhere")).json()
    assert (said["status"], said["title"], said["code"]) == (404, "Not Found", "no_route")
    assert said["instance"] == "/api/v1/nowhere"
    meaning = (await answer("GET", said["type"].removeprefix("/api/v1"))).json()
    assert meaning == {"type": said["type"], "code": "no_route", "meaning": MEANINGS["no_route"]}
    assert {one["code"] for one in (await answer("GET", "/problems")).json()} == set(MEANINGS)


@pytest.mark.parametrize(
    ("method", "path", "how", "errors"),
    [
        (
            "PUT",
            "/tenants/acme/trial",
            {"json": {"until": "soon", "a/b": 1}},
            [{"pointer": "/until"}, {"pointer": "/a~1b"}],
        ),
        ("GET", "/usage", {"params": {"month": "x"}}, [{"parameter": "month"}]),
        ("GET", "/audit", {"params": {"limit": "0"}}, [{"parameter": "limit"}]),
        ("PUT", "/tenants/acme/trial", {"content": b"{"}, [{"pointer": ""}]),
    ],
)
async def test_each_fault_says_where_it_is(
    method: str, path: str, how: dict[str, Any], errors: list[dict[str, str]]
) -> None:
    found = await answer(method, path, **how)
    assert found.headers["content-type"] == "application/problem+json"
    said = found.json()
    assert (said["status"], said["code"]) == (422, "invalid")
    places = [{key: one[key] for key in one if key != "detail"} for one in said["errors"]]
    assert places == errors


async def test_a_method_that_an_address_does_not_take_is_named() -> None:
    found = await answer("PATCH", "/tenants")
    assert (found.status_code, found.json()["code"]) == (405, "wrong_method")
    assert found.headers["allow"] == "GET"
