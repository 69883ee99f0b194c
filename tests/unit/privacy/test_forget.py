"""A tenant is forgotten once none of its data is needed, and its billing records stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.periods import cursor_of
from pbxbilling.kernel.errors import AdministrationError, NotFoundError, StoreError
from pbxbilling.kernel.records import Cursor, Record
from pbxbilling.privacy.forget import Forgotten
from tests.support.billing.records import copy_of, saved
from tests.support.kernel.actors import audited, named
from tests.support.kernel.clock import START
from tests.support.privacy.purges import forgetter_of
from tests.support.store.records import call, decision, ended_leg, leg
from tests.support.subscriptions.records import customer, subscription
from tests.support.subscriptions.shop import Shop

ENDED = START - timedelta(days=40)
GONE = Tenant(
    "acme",
    "starter",
    name="Acme Ltd",
    email="ann@acme.example",
    address="1 Road",
    contacts=("bob@acme.example",),
    vat_id="GB1",
    dids=("+15550100",),
    status=Status.CANCELLED,
    status_since=ENDED,
    customer="cus_1",
)
BILLED = ended_leg("1.1")
OVER = replace(call(), ended_at=BILLED.ended_at)
AUDIT = audited(START, "root", "apply", "tenant acme", {"email": ""}, {"email": "x", "plan": 1})


async def forget(shop: Shop, slug: str = "acme") -> Forgotten:
    return await forgetter_of(shop.store, shop.writer, shop.clock).forget(slug, named("alice"))


async def shop_with(*records: Record, **changed: Any) -> Shop:
    shop = Shop(replace(GONE, **changed))
    shop.clock.passed_s = 3600.0
    await shop.store.commit([*shop.registry.tenants.values(), customer(), saved(), AUDIT, *records])
    return shop


async def test_what_is_personal_goes_and_what_was_billed_stays() -> None:
    copy = copy_of(BILLED)
    shop = await shop_with(BILLED, copy, OVER, decision(), call("c9", tenant="globex"))
    done = await forget(shop)
    (tenant,) = (await shop.store.accounts()).tenants
    assert (tenant.name, tenant.email, tenant.contacts, tenant.dids) == ("", "", (), ())
    assert shop.registry.tenants["acme"] == tenant
    assert (tenant.status, tenant.plan, tenant.customer) == (Status.CANCELLED, "starter", "cus_1")
    held: list[Any] = [*shop.store.known_legs.values(), shop.store.calls["c1"], *shop.store.decided]
    assert {(one.caller, one.number) for one in held} == {("***", "***100")}
    assert (done.rows, shop.store.calls["c9"].number) == (3, "15550100")
    assert await shop.store.statement_store.statements() == [saved()]
    assert await shop.store.statement_store.billed("acme") == [copy]
    kept = await shop.store.subscription_store.customer("cus_1")
    assert kept is not None
    assert kept.email == ""


async def test_the_audit_says_that_it_was_forgotten_and_not_what() -> None:
    shop = await shop_with()
    await forget(shop)
    trail = await shop.store.audit(subject="tenant acme")
    assert [row.action for row in trail] == ["tenant forget", "apply"]
    assert "acme.example" not in str(trail)
    assert trail[1].after == {"plan": 1}


async def test_forgetting_twice_changes_nothing() -> None:
    shop = await shop_with(BILLED, copy_of(BILLED))
    await forget(shop)
    trail = await shop.store.audit()
    assert (await forget(shop)).rows == 0
    assert await shop.store.audit() == trail


async def test_an_interrupted_forget_is_continued() -> None:
    shop = await shop_with(BILLED, copy_of(BILLED))
    do = shop.store.retention_store.do

    async def fails(*_: object) -> int:
        raise StoreError("disk full")

    shop.store.retention_store.do = fails  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreError):
        await forget(shop)
    shop.store.retention_store.do = do  # type: ignore[method-assign]
    assert (await forget(shop)).rows == 1


@pytest.mark.parametrize(
    ("records", "changed", "why"),
    [
        ([], {"status": Status.ACTIVE}, "is active"),
        ([subscription()], {}, "has subscription sub_1"),
        ([call()], {}, "live calls"),
        ([Cursor(cursor_of("acme"), ENDED)], {}, "last period"),
        ([ended_leg("1.2")], {}, "1 calls"),
    ],
)
async def test_it_is_refused_while_something_is_needed(
    records: list[Record], changed: dict[str, Any], why: str
) -> None:
    shop = await shop_with(*records, **changed)
    with pytest.raises(AdministrationError, match=why):
        await forget(shop)
    assert shop.registry.tenants["acme"].email == "ann@acme.example"


async def test_an_unanswered_leg_does_not_prevent_a_forget() -> None:
    silent = replace(leg("1.3"), answered_at=None, ended_at=BILLED.ended_at)
    assert (await forget(await shop_with(silent))).rows == 1


async def test_a_tenant_that_nobody_has_is_not_forgotten() -> None:
    with pytest.raises(NotFoundError):
        await forget(Shop(), "initech")
