"""A client of the API in the test's own process; every answer is held against its schema."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import Request
from pydantic import TypeAdapter

from pbxbilling.identity.principal import Principal
from pbxbilling.web.api import always, api, route_of
from pbxbilling.web.api.schema import PREFIX
from pbxbilling.web.api.services import Services

ACTOR = "alice"


class RefusedError(Exception):
    """An answer that is no success, with its status and code."""

    def __init__(self, answer: httpx.Response) -> None:
        said = answer.json()
        super().__init__(said["detail"])
        self.status, self.code = answer.status_code, said["code"]


class ApiClient:
    """Sends requests as `alice`; raises RefusedError."""

    def __init__(self, services: Services) -> None:
        self._transport = httpx.ASGITransport(app=api(always(services), _alice))

    async def get(self, path: str, **query: Any) -> Any:
        given = {key: value for key, value in query.items() if value is not None}
        return await self._send("GET", path, params=given)

    async def text(self, path: str, **query: Any) -> str:
        """Return an answer as a table."""
        async with httpx.AsyncClient(transport=self._transport, base_url="http://test") as client:
            accept = {"Accept": "text/csv"}
            answer = await client.get(f"{PREFIX}{path}", params=query, headers=accept)
        assert answer.headers["content-type"].startswith("text/csv"), answer.text
        return answer.text

    async def post(self, path: str, **body: Any) -> Any:
        return await self._send("POST", path, json=body)

    async def put(self, path: str, **body: Any) -> Any:
        return await self._send("PUT", path, json=body)

    async def delete(self, path: str) -> Any:
        return await self._send("DELETE", path)

    async def _send(self, method: str, path: str, **given: Any) -> Any:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://test") as client:
            answer = await client.request(method, f"{PREFIX}{path}", **given)
        if answer.status_code != httpx.codes.OK:
            raise RefusedError(answer)
        schema_of(method, path).validate_json(answer.content)
        return answer.json()


async def _alice(_request: Request) -> Principal:
    return Principal.command(ACTOR)


def schema_of(method: str, path: str) -> TypeAdapter[Any]:
    """Return the schema of a route's answer."""
    route = route_of(method, path)
    assert route is not None
    return TypeAdapter(route.response_model)
