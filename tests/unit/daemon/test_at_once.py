"""Each command twice at once leaves one result, or two where each adds something of its own.

Once by two clients of one daemon, and once by two services that know nothing of each other, which
is what two processes on one database would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pbxbilling.billing.facts import UsageResult
from pbxbilling.calls.metering.usage_event import LegMetered, UsageEventState
from pbxbilling.gateways.stripe import objects
from pbxbilling.identity.facts import UserChanged
from pbxbilling.kernel.errors import ServiceError, StoreError
from pbxbilling.payments.facts import InvoiceIssued, UsageSent
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.subscriptions.adoption.matching import CustomerProfile
from pbxbilling.subscriptions.events import stored_event
from pbxbilling.subscriptions.facts import Drifted, EventTaken
from tests.support.daemon.services_at_once import Act, Both, Wired, two
from tests.support.gateways.stripe import bodies
from tests.support.identity.tokens import ANN, TOKEN
from tests.support.kernel.clock import START
from tests.support.store.database import rows
from tests.support.store.records import NOON, ended_leg
from tests.support.web.api_client import RefusedError

PLANS = """
[plan.basic]
price = "29.00"
setup_fee = "10.00"
billing_increment = "60/60"
meters = { words = { price = "0.01" } }
stripe_prices = { flat = "price_1", setup = "price_2" }
[plan.minutes]
price = "19.00"
billing_increment = "60/60"
[plan.pro]
price = "59.00"
"""
TENANTS = {"acme": 'plan = "basic"\n', "globex": 'plan = "basic"\n'}
UNOWNED = replace(ended_leg("9.9"), tenant=None, month=None, billed_s=0, allowance_s=0)


def accounts(**more: str) -> str:
    tables = (f"[tenant.{slug}]\n{keys}" for slug, keys in (TENANTS | more).items())
    return PLANS + "".join(tables)


def applying(**more: str) -> Act:
    body = {"text": accounts(**more), "source": "accounts.toml", "dry_run": False, "reset": True}
    return lambda wired: wired.api.put("/accounts", **body)


def post(path: str, **body: Any) -> Act:
    return lambda wired: wired.api.post(path, **body)


def put(path: str, **body: Any) -> Act:
    return lambda wired: wired.api.put(path, **body)


def delete(path: str) -> Act:
    return lambda wired: wired.api.delete(path)


async def nothing(wired: Wired) -> None:
    del wired


@dataclass(frozen=True)
class Case:
    """Two acts at once, and the row that a query finds afterwards.

    `facts` are published so often by both together; `refused` acts are, with a reason. `in_turn`:
    the second one has decided before, and writes when the first has done all.
    """

    acts: tuple[Act, Act]
    query: str
    row: Sequence[object]
    ready: Callable[[Wired], Awaitable[Any]] = nothing
    facts: tuple[tuple[type, int], ...] = ()
    refused: int = 0
    in_turn: bool = False


def audited(action: str, **more: Any) -> dict[str, Any]:
    """Count the rows of the audit trail with an action."""
    return {"query": f"SELECT count(*) AS n FROM audit WHERE action = '{action}'", **more}


def twice(act: Act) -> tuple[Act, Act]:
    return act, act


# --- what is there before -----------------------------------------------------------------------


async def suspended(wired: Wired) -> None:
    await wired.api.put("/tenants/acme/suspension")


async def on_trial(wired: Wired) -> None:
    await wired.api.put("/tenants/acme/trial", until="2026-11-25")
    await wired.passes(days=6)


async def month_over(wired: Wired) -> None:
    await begun(wired)
    await wired.api.post("/tenants/acme/one-offs", kind="fee", amount="5.00", reason="Visit")
    await wired.passes(days=20)


async def begun(wired: Wired) -> None:
    await wired.services.billing.statements.begin(wired.tenants("acme"))


async def unowned(wired: Wired) -> None:
    await wired.store.commit([UNOWNED])


async def metered(wired: Wired) -> None:
    await customer_of_acme(wired)
    await applying(acme='plan = "minutes"\ncharges = "meter_events"\n')(wired)
    await wired.store.commit([ended_leg(), LegMetered(ended_leg().key)])
    await wired.passes(days=1)


async def undecided(wired: Wired) -> None:
    await metered(wired)
    event = await wired.store.meters.event(str(ended_leg().key))
    assert event is not None
    tried = replace(event, tried_at=NOON)
    await wired.store.commit([tried.moved(UsageEventState.UNDECIDED, "no sum fits")])


async def customer_of_acme(wired: Wired) -> None:
    await wired.api.post("/tenants/acme/checkout", plan="basic", cycle="month")


async def to_invoice(wired: Wired) -> None:
    await applying(initech='plan = "basic"\ncharges = "invoice_items"\n')(wired)
    await wired.api.post("/tenants/initech/checkout", plan="basic", cycle="month")
    await wired.services.billing.statements.begin(wired.tenants("initech"))
    await wired.units.take("initech", "words", 100, "order-7")
    await wired.passes(days=20)
    await wired.services.billing.statements.close("initech")


async def event_came(wired: Wired) -> None:
    body = wired.outside.truth.becomes("active", metadata={"tenant": "acme"})
    event = stored_event(objects.message(body), body, START)
    await wired.store.commit([event])


def deliver(wired: Wired) -> Awaitable[None]:
    return wired.flows.inbox._deliver("evt_0")


async def event_missed(wired: Wired) -> None:
    wired.outside.truth.becomes("active", metadata={"tenant": "acme"})


async def nobodys(wired: Wired) -> None:
    wired.outside.truth.becomes("active", metadata={})
    await wired.flows.sync.compare()


async def two_customers(wired: Wired) -> None:
    for ident in ("cus_8", "cus_9"):
        wired.outside.truth.profiles[ident] = CustomerProfile(ident)


async def subscribed(wired: Wired) -> None:
    wired.outside.truth.becomes("active", metadata={"tenant": "acme"})
    await wired.flows.sync.compare()
    found = await wired.outside.truth.subscription("sub_1")
    assert found is not None
    wired.outside.checkout.sold["sub_1"] = found


async def gone(wired: Wired) -> None:
    await applying(acme='plan = "basic"\nname = "Acme"\nstatus = "cancelled"\n')(wired)
    await wired.passes(days=1)


async def old_legs(wired: Wired) -> None:
    await wired.store.commit([replace(ended_leg(), answered_at=None), ended_leg("1.2")])
    await begun(wired)
    await wired.passes(days=20)
    await wired.services.billing.statements.close("acme")
    await wired.passes(days=500)


async def ann_is_a_user(wired: Wired) -> None:
    await wired.store.commit([ANN])


async def a_token(wired: Wired) -> None:
    await wired.store.commit([TOKEN])


# --- what both do -------------------------------------------------------------------------------


async def close(wired: Wired) -> None:
    await wired.services.billing.statements.close("acme")


async def begin_and_close(wired: Wired) -> None:
    await begun(wired)
    await wired.passes(days=20)
    await close(wired)


def count_words(wired: Wired) -> Awaitable[UsageResult]:
    return wired.units.take("acme", "words", 100, "order-7")


async def store_event(wired: Wired) -> None:
    body = bodies.event("customer.subscription.updated", bodies.subscription("active"), "evt_0")
    answer = await wired.flows.webhook._save(stored_event(objects.message(body), body, START))
    assert answer.status == 200


def send(wired: Wired) -> Awaitable[int]:
    return wired.usage.sender.send_batch()


def compare(wired: Wired) -> Awaitable[Any]:
    return wired.flows.sync.compare()


def adopting(tenant: str, *, subscription: str = "", customer: str = "") -> Act:
    row = {"tenant": tenant, "subscription": subscription, "customer": customer}
    return post("/adoption", rows=[{key: value for key, value in row.items() if value}])


def leg_to(tenant: str) -> Act:
    return put(f"/usage/legs/{UNOWNED.key}/tenant", tenant=tenant)


def deciding(*, again: bool) -> Act:
    return put(f"/usage-events/{ended_leg().key}/decision", again=again)


CASES = {
    "apply the same": Case(
        twice(applying(initech='plan = "pro"\n')),
        "SELECT count(*) AS n FROM audit WHERE subject = 'tenant initech'",
        (1,),
    ),
    "apply one number to two tenants": Case(
        (
            applying(initech='plan = "pro"\ndids = ["15550100"]\n'),
            applying(hooli='plan = "pro"\ndids = ["15550100"]\n'),
        ),
        "SELECT count(*) AS n FROM tenant WHERE slug IN ('initech', 'hooli')",
        (1,),
        refused=1,
    ),
    "suspend": Case(twice(put("/tenants/acme/suspension")), **audited("suspend", row=(1,))),
    "suspend, and put on trial": Case(
        (put("/tenants/acme/suspension"), put("/tenants/acme/trial", until="2026-12-24")),
        "SELECT status, blocks FROM tenant WHERE slug = 'acme'",
        ("trial", '["operator"]'),
    ),
    "activate": Case(
        twice(delete("/tenants/acme/suspension")), **audited("activate", row=(1,), ready=suspended)
    ),
    "trial": Case(
        twice(put("/tenants/acme/trial", until="2026-12-24")), **audited("trial", row=(1,))
    ),
    "plan change": Case(
        twice(post("/tenants/acme/plan-changes", plan="pro")),
        "SELECT (SELECT count(*) FROM plan_switch) AS switches,"
        " (SELECT count(*) FROM audit WHERE action = 'plan change') AS rows_",
        (1, 1),
        refused=1,
    ),
    "oneoff add": Case(
        twice(post("/tenants/acme/one-offs", kind="fee", amount="5.00", reason="Visit")),
        "SELECT count(*) AS n, max(number) AS last, sum(amount) AS amount FROM one_off",
        (2, 2, 1000),
    ),
    "statement save": Case(
        twice(post("/tenants/acme/statements")),
        "SELECT count(*) AS n, min(number) AS first, max(number) AS last FROM statement",
        (2, 1, 2),
    ),
    "close a period": Case(
        twice(close),
        "SELECT count(*) AS n, max(month) AS month,"
        " (SELECT count(*) FROM one_off WHERE used_in IS NOT NULL) AS used,"
        " (SELECT count(*) FROM audit WHERE action = 'statement') AS rows_ FROM statement",
        (1, "2026-11", 1, 2),  # the second row: the setup fee is paid
        ready=month_over,
    ),
    "begin periods": Case(
        (begin_and_close, begun),
        "SELECT count(*) AS n, max(at) AS at FROM cursor WHERE name LIKE '%acme'",
        (1, 1764547200000000 + 365 * 86_400_000_000),
        in_turn=True,
    ),
    "count units": Case(
        twice(count_words), "SELECT count(*) AS n, sum(units) AS u FROM generic_usage", (1, 100)
    ),
    "usage assign": Case(
        (leg_to("acme"), leg_to("globex")),
        **audited("usage assign", row=(1,), ready=unowned, refused=1),
    ),
    "usage decide": Case(
        (deciding(again=True), deciding(again=False)),
        **audited("usage decide", row=(1,), ready=undecided, refused=1),
    ),
    "webhook": Case(
        twice(store_event), "SELECT count(*) AS n, max(state) AS state FROM letter", (1, "waiting")
    ),
    "take an event": Case(
        twice(deliver),
        "SELECT count(*) AS n FROM audit WHERE actor = 'gateway' AND subject = 'tenant acme'",
        (1,),
        ready=event_came,
        facts=((EventTaken, 1),),
    ),
    "compare with the gateway": Case(
        twice(compare),
        "SELECT count(*) AS n FROM audit WHERE actor = 'gateway' AND subject = 'tenant acme'",
        (1,),
        ready=event_missed,
        facts=((Drifted, 1),),
    ),
    "subscription link": Case(
        (
            put("/subscriptions/sub_1/tenant", tenant="acme"),
            put("/subscriptions/sub_1/tenant", tenant="globex"),
        ),
        "SELECT count(*) AS n FROM tenant WHERE subscription = 'sub_1'",
        (1,),
        ready=nobodys,
    ),
    "adopt a subscription": Case(
        (adopting("acme", subscription="sub_1"), adopting("globex", subscription="sub_1")),
        "SELECT count(*) AS n FROM audit WHERE action = 'link' AND subject = 'subscription sub_1'",
        (1,),
        ready=nobodys,
        refused=1,
    ),
    "adopt a customer": Case(
        (adopting("acme", customer="cus_8"), adopting("acme", customer="cus_9")),
        **audited("adopt", row=(1,), ready=two_customers, refused=1),
    ),
    "daily check": Case(
        twice(post("/daily-check")),
        "SELECT count(*) AS n FROM audit WHERE actor <> 'test' AND action = 'daily check'",
        (1,),
        ready=on_trial,
    ),
    "checkout": Case(
        twice(post("/tenants/acme/checkout", plan="basic", cycle="month")),
        "SELECT count(*) AS n, (SELECT count(*) FROM audit WHERE action = 'checkout'"
        " AND before IS NOT NULL) AS changed FROM customer",
        (1, 1),
    ),
    "portal": Case(
        twice(post("/tenants/acme/portal")),
        **audited("portal", row=(2,), ready=customer_of_acme),
    ),
    "subscription cancel": Case(
        twice(post("/tenants/acme/subscription/cancellation", now=False)),
        **audited("subscription cancel", row=(2,), ready=subscribed),
    ),
    "send usage": Case(
        twice(send),
        "SELECT count(*) AS n, max(attempts) AS tries, max(state) AS state FROM meter_event",
        (1, 1, "sent"),
        ready=metered,
        facts=((UsageSent, 1),),
    ),
    "invoice run": Case(
        twice(post("/usage-invoices", month="2026-11")),
        "SELECT count(*) AS n, max(state) AS state FROM invoice_run",
        (1, "issued"),
        ready=to_invoice,
        facts=((InvoiceIssued, 1),),
    ),
    "tenant forget": Case(
        twice(delete("/tenants/acme/personal-data")),
        **audited("tenant forget", row=(1,), ready=gone),
    ),
    "user add": Case(
        twice(post("/users", email=ANN.email, role="admin", password="a long password")),
        "SELECT count(*) AS n FROM user_account",
        (1,),
        facts=((UserChanged, 1),),
        refused=1,
    ),
    "user disable": Case(
        twice(put(f"/users/{ANN.email}/exclusion")),
        **audited("user disable", row=(1,), ready=ann_is_a_user),
    ),
    "token revoke": Case(
        twice(delete(f"/tokens/{TOKEN.id}")),
        **audited("token revoke", row=(1,), ready=a_token),
    ),
    "purge": Case(
        twice(post("/purge")),
        "SELECT sum(calls) AS calls FROM purged_usage",
        (1,),
        ready=old_legs,
    ),
}


@pytest.mark.parametrize("one_daemon", [True, False], ids=["two clients", "two without a book"])
@pytest.mark.parametrize("name", CASES)
async def test_twice_at_once_leaves_one_result(
    place: DatabaseUrl, name: str, *, one_daemon: bool
) -> None:
    case = CASES[name]

    async def ready(wired: Wired) -> None:
        await applying()(wired)
        await case.ready(wired)

    async with two(place, ready, one_daemon=one_daemon) as both:
        results = await both.act(*case.acts, in_turn=case.in_turn)
        assert_refused(results, case.refused)
        assert_published(both, case)
    (found,) = rows(place, case.query)
    assert [_plain(value) for value in dict(found).values()] == list(case.row), results


def assert_refused(results: Sequence[object], expected: int) -> None:
    """So many were told why not; nobody was told of a fault, or to try again."""
    faults = [result for result in results if isinstance(result, BaseException)]
    for fault in faults:
        assert isinstance(fault, (RefusedError, ServiceError)), faults
        assert not isinstance(fault, StoreError), fault
        assert not isinstance(fault, RefusedError) or fault.status < 500, fault
    assert len(faults) == expected, results


def assert_published(both: Both, case: Case) -> None:
    published = Counter(type(fact) for fact in both.facts)
    assert [(kind, published[kind]) for kind, _ in case.facts] == list(case.facts)


def _plain(value: object) -> object:
    """Return a value as SQLite has it: PostgreSQL's JSON is a list."""
    return '["operator"]' if value == ["operator"] else value
