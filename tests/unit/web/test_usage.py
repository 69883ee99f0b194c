"""Other programs report usage: with the token, once per reference, and only for what exists."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Message

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.count_units import UnitCounter
from pbxbilling.billing.facts import UsageReceived, UsageResult
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.catalog.plan import Plan
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.identity.tokens.token import Secret, Token, new_secret
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.web.public import public_app
from pbxbilling.web.usage import LIMIT, UsageEndpoint
from tests.support.billing.figures import Unscraped
from tests.support.identity.tokens import TOKEN as TOKEN_RECORD
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import NOON, after
from tests.support.web.turned_away import TurnedAway

TOKEN = "a-token-of-some-length"
TOLD: dict[str, Any] = {"tenant": "acme", "meter": "words", "units": 1200, "reference": "doc-1"}
PLANS = [Plan("pro", meters=(UnitPrice("words", 500_000, 1000),))]


class Office:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = Clock(NOON)
        self.facts: list[Fact] = []
        registry = Registry(PLANS, [Tenant("acme", "pro")])
        writer = AccountWriter(self.store, registry, self.clock, self.facts.append, asyncio.Lock())
        desk = UnitCounter(self.store.statement_store, writer, self.clock)
        sign_in = SignIn(self.store.identity_store, self.clock)
        self.restricted: dict[str, str] = {}
        self.door = UsageEndpoint(
            TOKEN, sign_in, self.restricted.get, desk, self.clock, self.facts.append
        )

    async def post(self, body: Any = None, *, token: str = TOKEN, **changed: Any) -> httpx.Response:
        shown = Unscraped()
        transport = httpx.ASGITransport(app=public_app(shown, shown, TurnedAway(), usage=self.door))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"Authorization": f"Bearer {token}"}
            if body is not None:
                return await client.post("/api/v1/usage", content=body, headers=headers)
            return await client.post("/api/v1/usage", json=TOLD | changed, headers=headers)

    @property
    def results(self) -> list[UsageResult]:
        return [fact.result for fact in self.facts if isinstance(fact, UsageReceived)]


async def test_units_count_once_however_often_they_are_sent() -> None:
    office = Office()
    answers = [await office.post() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json() == {"result": "counted"}
    assert answers[1].json() == {"result": "known"}
    sums = await office.store.statement_store.units_between("acme", NOON, after(1))
    assert sums == {"words": 1200}


async def test_units_sent_at_the_same_time_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    at_once = office.store.statement_store.units

    async def later(reference: str) -> UnitsUsed | None:
        found = await at_once(reference)
        await asyncio.sleep(0)
        return found

    monkeypatch.setattr(office.store.statement_store, "units", later)
    answers = await asyncio.gather(*(office.post() for _ in range(5)))
    said = sorted(answer.json()["result"] for answer in answers)
    assert said == ["counted", "known", "known", "known", "known"]


@pytest.mark.parametrize("changed", [{"units": 1201}, {"tenant": "globex"}, {"meter": "pages"}])
async def test_a_reference_reused_for_other_units_is_a_conflict(
    changed: dict[str, Any],
) -> None:
    office = Office()
    await office.post()
    assert (await office.post(**changed)).status_code == 409
    assert await office.store.statement_store.units_between("acme", NOON, after(1)) == {
        "words": 1200
    }


@pytest.mark.parametrize("token", ["", "a-token-of-some-lengtH", f"{TOKEN} ", "é"])
async def test_without_the_token_nothing_is_read(token: str) -> None:
    office = Office()
    assert await office.door.principal_of(f"Bearer {TOKEN}", "") is not None
    assert await office.door.principal_of(f"Bearer {token}", "") is None
    assert await office.door.principal_of(TOKEN, "") is None
    if token.isascii():
        answer = await office.post(b"x" * (LIMIT + 1), token=token or "x")
        assert answer.status_code == 401
    assert office.store.commits == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b'{"tenant":"acme","meter":"words","units":1.5,"reference":"r"}', 400),
        (b'{"tenant":"acme","meter":"words","units":"1","reference":"r"}', 400),
        (b'{"tenant":"acme","meter":"words","units":0,"reference":"r"}', 400),
        (b'{"tenant":"acme","meter":"words","units":-5,"reference":"r"}', 400),
        (b'{"tenant":"acme","meter":"words","units":1,"reference":""}', 400),
        (b'{"tenant":"acme","meter":"words","units":1,"reference":"r","more":1}', 400),
        (b'{"tenant":"acme","meter":"pages","units":1,"reference":"r"}', 422),
        (b'{"tenant":"globex","meter":"words","units":1,"reference":"r"}', 422),
        (b"x" * (LIMIT + 1), 413),
    ],
)
async def test_what_is_no_usage_is_refused_with_the_reason(body: bytes, status: int) -> None:
    office = Office()
    answer = await office.post(body)
    assert (answer.status_code, bool(answer.json()["reason"])) == (status, True)
    assert office.store.commits == []


async def test_a_store_that_fails_is_told_so_that_it_is_sent_again() -> None:
    office = Office()
    office.store.fault = StoreError("the disk is full")
    assert (await office.post()).status_code == 503
    office.store.fault = None
    assert (await office.post()).json() == {"result": "counted"}
    assert office.results == [UsageResult.NOT_KEPT, UsageResult.COUNTED]


async def test_of_many_refusals_one_a_minute_is_loud() -> None:
    office = Office()
    for second in (0, 1, 59, 61):
        office.clock.move_to(after(second))
        await office.post(token="guess")
    loud = [fact.loud for fact in office.facts if isinstance(fact, UsageReceived)]
    assert loud == [True, False, False, True]


async def test_without_an_endpoint_it_is_not_there() -> None:
    shown = Unscraped()
    transport = httpx.ASGITransport(app=public_app(shown, shown, TurnedAway()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.post("/api/v1/usage", json=TOLD)).status_code == 404


async def test_a_client_that_disconnects_before_its_body_is_complete_causes_no_error() -> None:
    office = Office()
    shown = Unscraped()
    app = public_app(shown, shown, TurnedAway(), usage=office.door)
    said: list[int] = []

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    async def hear(message: Message) -> None:
        said.append(message.get("status", 0))

    headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
    path = "/api/v1/usage"
    asked = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    await app({**asked, "headers": headers}, leave, hear)
    assert (said[0], office.facts) == (400, [])


def token(secret: Secret, *scopes: str, tenant: str | None = None) -> Token:
    """Return a token of the API with that secret, in force."""
    return replace(TOKEN_RECORD, id=secret.id, digest=secret.digest, scopes=scopes, tenant=tenant)


async def test_a_token_of_the_api_counts_too_with_the_scope_for_it() -> None:
    office, good, bad = Office(), new_secret(), new_secret()
    office.clock.passed_s = 0.0
    await office.store.commit([token(good, "usage.write"), token(bad, "usage.read")])
    assert (await office.post(token=good.text)).status_code == 200
    refused = await office.post(token=bad.text, reference="doc-2")
    assert (refused.status_code, refused.json()["result"]) == (403, "forbidden")
    assert "usage.write" in refused.json()["reason"]
    assert (await office.post(token=new_secret().text)).status_code == 401


async def test_the_token_of_a_tenant_counts_for_it_alone_and_not_while_it_may_only_pay() -> None:
    office, own = Office(), new_secret()
    await office.store.commit([token(own, "usage.write", tenant="acme")])
    other = await office.post(token=own.text, tenant="globex")
    assert (other.status_code, other.json()["result"]) == (422, "unknown")
    assert (await office.post(token=own.text)).status_code == 200
    office.restricted["acme"] = "tenant acme is suspended: you can read and pay"
    blocked = await office.post(token=own.text, reference="doc-2")
    assert (blocked.status_code, blocked.json()["reason"]) == (403, office.restricted["acme"])
    assert (await office.post(reference="doc-2")).status_code == 200  # the operator's
