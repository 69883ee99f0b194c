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
from tests.support.store.records import decision

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


@pytest.mark.parametrize("after", ["x", "~1", "2026-11-21T10:00:00+00:00~", "soon~1"])
async def test_a_key_that_is_none_is_named(after: str, tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        with pytest.raises(Exception, match="after: "):
            await whole.api.get("/decisions", after=after)
