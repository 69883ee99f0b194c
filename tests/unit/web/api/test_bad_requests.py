"""Whatever a request holds, its answer is one of ours: a fault of the caller is never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from pbxbilling.identity.principal import Principal
from pbxbilling.web.api import ROUTES, always, api
from pbxbilling.web.api.routing import written
from rig.openapi import document
from tests.support.daemon.whole_daemon import Whole, whole_daemon
from tests.support.kernel.clock import Clock

DEEP = 100_000
BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "cut": b"{",
    "a list": b"[]",
    "an empty object": b"{}",
    "null": b"null",
    "a number": b"1",
    "a text": b'"x"',
    "no JSON": b"\x00\x1b",
    "no UTF-8": b'{"text": "\xff"}',
    "UTF-16": '{"text": "x"}'.encode("utf-16"),
    "a deep list": b"[" * DEEP + b"]" * DEEP,
    "a deep object": b'{"text":' * DEEP + b"1" + b"}" * DEEP,
    "a long number": b'{"dry_run": %b}' % (b"1" * 100_000),
}
SURROGATE = "\ud800"
VALUES: tuple[Any, ...] = (
    None, 1, -1, 10**400, 2**63, float("inf"), float("nan"), 1.5, True, "x", "", SURROGATE, "a\0b",
    "acme", "x" * 100_000, [], [[[]]], {"a": {}}, {SURROGATE: SURROGATE}, "9999-12-31", "2026-13",
    "0001-01-01T00:00:00+23:59", "2026-11.999", "1e400", "NaN", "-1", "[plan.p]\nname = 1e400",
    "tenant\nx", "[" * DEEP, "a = " + "[" * DEEP, "a." * DEEP + "a = 1",
)  # fmt: skip
PARTS = ("x", "acme", "%00", "%ED%A0%80", "%F0%9F%92%A9", "a%0Ab", "pbx1%3A1.1", "x" * 5000)
OURS = {200, 400, 403, 404, 409, 422, 503}
API = document()


async def nobody(_request: Request) -> Principal:
    return Principal.command("nobody")


def fields_of(operation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of the body that a route takes."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    yield from API["components"]["schemas"].get(name, {}).get("properties", {})


def requests(method: str, path: str) -> Iterator[tuple[str, Mapping[str, Any], bytes | None]]:
    """Yield paths, queries and bodies that a stranger might send to a route."""
    operation = API["paths"][path][method.lower()]
    names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
    query = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    for part in PARTS if names else ("",):
        yield path.format(**dict.fromkeys(names, part)), {}, b"{}"
    known = path.format(**dict.fromkeys(names, "acme"))
    for name in query:
        for value in VALUES:
            if isinstance(value, str | int | float) and value != SURROGATE:
                yield known, {name: str(value)[:1000]}, None
    for body in BODIES.values():
        yield known, {}, body
    fields = list(fields_of(operation))
    for value in VALUES:
        for field in fields:
            rest = dict.fromkeys(fields, "x")
            yield known, {}, json.dumps({field: value}).encode()
            yield known, {}, json.dumps(rest | {"dry_run": True, field: value}).encode()


async def asked(whole: Whole, method: str, path: str) -> list[tuple[int, str, object]]:
    """Return the answers that are none of ours, to all of these requests."""
    transport = httpx.ASGITransport(
        app=api(always(whole.daemon.services), nobody), raise_app_exceptions=False
    )
    found: list[tuple[int, str, object]] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for url, query, body in requests(method, path):
            headers = {"Content-Type": "application/json"}
            answer = await client.request(method, url, params=query, content=body, headers=headers)
            if answer.status_code not in OURS or not _is_ours(answer):
                found.append(
                    (answer.status_code, answer.text[:80], (url[:80], query, (body or b"")[:80]))
                )
    return found


def _is_ours(answer: httpx.Response) -> bool:
    """Return whether a refusal has a code and a sentence, as the command line shows."""
    said = {} if answer.status_code == 200 else answer.json()
    return not said or {"code", "detail"} <= set(said) or {"result", "reason"} <= set(said)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method, route.path)
        for route in ROUTES
        for method in sorted(route.methods or ())
        if route.path != "/live"  # takes nothing, and its answer has no end
    ],
)
async def test_no_request_is_a_fault_of_ours(method: str, path: str, tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await whole.api.put("/accounts", text='[plan.p]\n[tenant.acme]\nplan="p"', source="a.toml")
        assert await asked(whole, method, f"/api/v1{path}") == []


async def test_what_was_done_is_answered_as_done() -> None:
    """A value that our fast encoder refuses must not turn a commit into a 500."""
    done = {"plan": SURROGATE, "included_minutes": 10**30}
    for result in (done, [done]):
        answer = await written(result)
        assert answer.status_code == 200
        assert json.loads(bytes(answer.body)) == result
