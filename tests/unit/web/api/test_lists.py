"""Lists come in pages that lose and repeat nothing, whatever is added meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from pbxbilling.identity.principal import Principal
from pbxbilling.web.api import always, api
from tests.support.daemon.whole_daemon import Whole, whole_daemon
from tests.support.kernel.clock import START, Clock
from tests.support.store.records import decision, ended_leg
from tests.support.web.api_client import RefusedError

TENANTS = "".join(f'[tenant.t{number}]\nplan = "p"\n' for number in range(7))


async def pages(whole: Whole, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """Follow the links from the first page to the last."""

    async def root(_request: Request) -> Principal:
        return Principal.command("root")

    transport = httpx.ASGITransport(app=api(always(whole.daemon.services), root))
    found, url = [], httpx.URL(f"http://test/api/v1{path}", params={"limit": 3, **query})
    async with httpx.AsyncClient(transport=transport) as client:
        while True:
            answer = await client.get(url)
            assert answer.status_code == 200, answer.text
            found.append(answer.json())
            if "next" not in answer.links:
                return found
            url = url.join(answer.links["next"]["url"])


async def test_tenants_come_by_slug(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await whole.api.put("/accounts", text=f"[plan.p]\n{TENANTS}", source="a.toml")
        found = await pages(whole, "/tenants")
        assert [[row["tenant"] for row in page] for page in found] == [
            ["t0", "t1", "t2"],
            ["t3", "t4", "t5"],
            ["t6"],
        ]


async def test_decisions_of_one_instant_are_told_apart(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await whole.api.put("/accounts", text=f"[plan.p]\n{TENANTS}", source="a.toml")
        at = START - timedelta(hours=1)
        await whole.store.commit([decision(at=at, tenant="t1") for _ in range(8)])
        found = await pages(whole, "/decisions", tenant="t1")
        ids = [row["id"] for page in found for row in page]
        assert [len(page) for page in found] == [3, 3, 2]
        assert ids == sorted(set(ids), reverse=True)


async def test_changes_come_newest_first_and_by_what_they_are(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await whole.api.put("/accounts", text=f"[plan.p]\n{TENANTS}", source="a.toml")
        found = await pages(whole, "/audit")
        events = [row["event"] for page in found for row in page]
        assert sorted(events) == ["plan.created", *["tenant.created"] * 7]
        (own,) = await pages(whole, "/audit", tenant="t3")
        assert [(row["subject"], row["actor_type"]) for row in own] == [("tenant t3", "command")]
        (plans,) = await pages(whole, "/audit", event="plan.created")
        assert [row["subject"] for row in plans] == ["plan p"]


async def test_usage_comes_by_tenant_and_that_of_nobody_last(tmp_path: Path) -> None:
    nobodys = ended_leg(tenant=None, month="2026-11")
    async with whole_daemon(tmp_path, Clock()) as whole:
        await whole.api.put("/accounts", text=f"[plan.p]\n{TENANTS}", source="a.toml")
        await whole.store.commit([nobodys, ended_leg("9.9", tenant="t3")])
        found = await pages(whole, "/usage", month="2026-11")
        rows = [row["tenant"] for page in found for row in page]
        assert rows == [*(f"t{number}" for number in range(7)), None]
        counted = {row["tenant"]: row["outbound_calls"] for page in found for row in page}
        assert {one for one, calls in counted.items() if calls} == {"t3", None}
        by_fours = await pages(whole, "/usage", month="2026-11", limit=4)
        assert [row["tenant"] for page in by_fours for row in page] == rows


async def test_statements_come_by_tenant_and_period(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await whole.api.put("/accounts", text=f"[plan.p]\n{TENANTS}", source="a.toml")
        for number in (2, 1, 2, 0, 2):
            await whole.api.post(f"/tenants/t{number}/statements")
        found = await pages(whole, "/statements")
        rows = [(row["tenant"], row["number"]) for page in found for row in page]
        assert rows == [("t0", 1), ("t1", 1), ("t2", 1), ("t2", 2), ("t2", 3)]
        assert [len(page) for page in found] == [3, 2]


async def test_people_and_tokens_come_in_pages(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        for number in range(4):
            await whole.api.post("/users", email=f"u{number}@provider.example", role="admin")
            await whole.api.post("/tokens", name=f"n{number}", scopes=["calls.read"])
        people = await pages(whole, "/users")
        assert [row["email"][:2] for page in people for row in page] == ["u0", "u1", "u2", "u3"]
        tokens = [row["name"] for page in await pages(whole, "/tokens") for row in page]
        assert sorted(tokens) == ["n0", "n1", "n2", "n3"]
        with pytest.raises(RefusedError, match="read the list from its begin"):
            await whole.api.get("/users", after="gone@provider.example")


async def test_legs_of_nobody_come_newest_first(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        legs = [ended_leg(f"1.{number}", tenant=None, talk_s=number) for number in range(1, 6)]
        await whole.store.commit(legs)
        found = await pages(whole, "/usage/unowned")
        assert [row["leg"] for page in found for row in page] == [
            str(one.key) for one in legs[::-1]
        ]
        with pytest.raises(RefusedError, match="after: "):
            await whole.api.get("/usage/unowned", after="yesterday~main:1.1")


@pytest.mark.parametrize("after", ["x", "~1", "2026-11-21T10:00:00+00:00~", "soon~1"])
async def test_a_key_that_is_none_is_named(after: str, tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        with pytest.raises(Exception, match="after: "):
            await whole.api.get("/decisions", after=after)
