"""A request with a key is done once, however often it is sent, also after the daemon has died."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from pbxbilling.identity.principal import Principal
from pbxbilling.web.api import always, api
from tests.support.daemon.whole_daemon import Whole, whole_daemon
from tests.support.kernel.clock import Clock

ACCOUNTS = '[plan.p]\nprice = "10.00"\ncurrency = "EUR"\n[tenant.acme]\nplan = "p"'
LINE = {"kind": "credit", "amount": "2.50", "reason": "sorry"}


async def applied(whole: Whole) -> None:
    await whole.api.put("/accounts", text=ACCOUNTS, source="a.toml")


async def post(
    whole: Whole, path: str, key: str | None, who: str = "alice", **body: Any
) -> httpx.Response:
    async def principal(_request: Request) -> Principal:
        return Principal.command(who)

    transport = httpx.ASGITransport(app=api(always(whole.daemon.services), principal))
    headers = {} if key is None else {"Idempotency-Key": key}
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        return await client.post(path, json=body, headers=headers)


async def lines(whole: Whole) -> int:
    return len(await whole.api.get("/tenants/acme/one-offs"))


async def test_sent_again_it_is_answered_as_before(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await applied(whole)
        first = await post(whole, "/tenants/acme/one-offs", "k1", **LINE)
        again = await post(whole, "/tenants/acme/one-offs", "k1", **LINE)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json() == first.json()
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert await lines(whole) == 1
    async with whole_daemon(tmp_path, Clock()) as restarted:
        later = await post(restarted, "/tenants/acme/one-offs", "k1", **LINE)
        assert later.json() == first.json()
        assert await lines(restarted) == 1


async def test_without_a_key_and_with_another_it_is_done_again(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await applied(whole)
        for key in (None, None, "k1", "k2"):
            assert (await post(whole, "/tenants/acme/one-offs", key, **LINE)).status_code == 200
        assert (await post(whole, "/tenants/acme/one-offs", "k1", "bob", **LINE)).is_success
        assert await lines(whole) == 5


async def test_a_key_is_of_one_request(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await applied(whole)
        await post(whole, "/tenants/acme/one-offs", "k1", **LINE)
        other = await post(whole, "/tenants/acme/one-offs", "k1", **{**LINE, "amount": "3.00"})
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")
        assert (await post(whole, "/tenants/acme/statements", "k1")).status_code == 422
        assert await lines(whole) == 1


async def test_what_was_refused_may_be_sent_again(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        refused = await post(whole, "/tenants/acme/one-offs", "k1", **LINE)
        assert refused.status_code == 404
        await applied(whole)
        assert (await post(whole, "/tenants/acme/one-offs", "k1", **LINE)).status_code == 200


async def test_twenty_at_once_are_one(tmp_path: Path) -> None:
    async with whole_daemon(tmp_path, Clock()) as whole:
        await applied(whole)
        answers = await asyncio.gather(
            *(post(whole, "/tenants/acme/one-offs", "k1", **LINE) for _ in range(20))
        )
        assert {one.status_code for one in answers} <= {200, 409}
        assert await lines(whole) == 1


async def test_an_answer_is_kept_for_a_day(tmp_path: Path) -> None:
    clock = Clock()
    async with whole_daemon(tmp_path, clock) as whole:
        await applied(whole)
        await post(whole, "/tenants/acme/one-offs", "k1", **LINE)
        clock.passed_s += timedelta(hours=25).total_seconds()
        await post(whole, "/tenants/acme/one-offs", "k2", **LINE)
        assert await whole.store.identity_store.kept_answer("command alice", "k1") is None
        assert await whole.store.identity_store.kept_answer("command alice", "k2") is not None


@pytest.mark.parametrize("path", ["one-offs", "statements", "plan-changes"])
async def test_each_way_to_change_a_bill_takes_a_key(path: str, tmp_path: Path) -> None:
    body = {
        "one-offs": LINE,
        "statements": {},
        "plan-changes": {"plan": "q"},
    }[path]
    async with whole_daemon(tmp_path, Clock()) as whole:
        text = f'{ACCOUNTS}\n[plan.q]\nprice = "20.00"\ncurrency = "EUR"'
        await whole.api.put("/accounts", text=text, source="a.toml")
        first = await post(whole, f"/tenants/acme/{path}", "k1", **body)
        again = await post(whole, f"/tenants/acme/{path}", "k1", **body)
        assert first.status_code == 200, first.text
        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
