"""Nobody overwrites a change that they have not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from pbxbilling.identity.permissions import Permission
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import ActorType
from pbxbilling.web.api import always, api
from tests.support.daemon.whole_daemon import Whole, whole_daemon
from tests.support.kernel.clock import Clock

OPERATOR = Principal(ActorType.TOKEN, "a program", frozenset(Permission))


async def send(
    whole: Whole, method: str, path: str, seen: str | None = None, **body: Any
) -> httpx.Response:
    async def principal(_request: Request) -> Principal:
        return OPERATOR

    headers = {} if seen is None else {"If-Match": seen}
    transport = httpx.ASGITransport(app=api(always(whole.daemon.services), principal))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        return await client.request(method, path, json=body or None, headers=headers)


async def prepared(whole: Whole) -> None:
    await whole.api.put("/accounts", text='[plan.p]\n[tenant.acme]\nplan = "p"', source="a.toml")
    await whole.api.post("/roles", name="night", permissions=["calls.read"])


CHANGES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("/roles/night", "/roles/night", {"permissions": ["usage.read"]}, {"permissions": ["pay"]}),
    ("/tenants/acme", "/tenants/acme/trial", {"until": "2027-01-31"}, {"until": "2027-02-28"}),
]


@pytest.mark.parametrize(("seen", "changed", "mine", "theirs"), CHANGES[1:] + CHANGES[:1])
async def test_the_second_of_two_who_have_read_the_same_is_refused(
    seen: str, changed: str, mine: dict[str, Any], theirs: dict[str, Any], tmp_path: Path
) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await prepared(whole)
        tag = (await send(whole, "GET", seen)).headers["ETag"]
        assert (await send(whole, "GET", seen)).headers["ETag"] == tag
        assert (await send(whole, "PUT", changed, tag, **mine)).status_code == 200
        after = (await send(whole, "GET", seen)).json()
        refused = await send(whole, "PUT", changed, tag, **theirs)
        assert (refused.status_code, refused.json()["code"]) == (412, "stale")
        assert (await send(whole, "GET", seen)).json() == after
        now = (await send(whole, "GET", seen)).headers["ETag"]
        assert (await send(whole, "PUT", changed, f'"other", {now}', **mine)).status_code == 200


@pytest.mark.parametrize(("seen", "changed", "mine", "theirs"), CHANGES)
async def test_a_change_says_which_version_it_is_of(
    seen: str, changed: str, mine: dict[str, Any], theirs: dict[str, Any], tmp_path: Path
) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await prepared(whole)
        blind = await send(whole, "PUT", changed, **mine)
        assert (blind.status_code, blind.json()["code"]) == (428, "unconditional")
        assert (await send(whole, "PUT", changed, "*", **mine)).status_code == 200
        assert seen in changed
        await whole.api.put(changed, **mine)  # a command states what it wants


async def test_a_role_that_was_changed_meanwhile_is_not_deleted(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await prepared(whole)
        tag = (await send(whole, "GET", "/roles/night")).headers["ETag"]
        changed = await send(whole, "PUT", "/roles/night", tag, permissions=["usage.read"])
        assert (await send(whole, "DELETE", "/roles/night", tag)).status_code == 412
        now = changed.headers["ETag"]
        assert (await send(whole, "DELETE", "/roles/night", now)).status_code == 200
        assert (await send(whole, "GET", "/roles/night")).status_code == 404
        assert (await send(whole, "GET", "/roles/admin")).json()["shipped"] is True
