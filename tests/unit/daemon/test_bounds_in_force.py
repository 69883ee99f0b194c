"""The lowest and the highest of every number pass through all code that uses them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import orjson
import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.count_units import UnitCounter
from pbxbilling.billing.facts import UsageResult
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.catalog.plan import BillingIncrement, Limits, Plan
from pbxbilling.config.settings import Settings
from pbxbilling.kernel.bounds import COUNT_MOST, FIRST_DAY, LAST_DAY, UNITS_MOST
from pbxbilling.kernel.codes import Direction
from tests.support.config.number_bounds import every_number
from tests.support.daemon.whole_daemon import Whole, whole_daemon
from tests.support.kernel.clock import Clock
from tests.support.store.records import ended_leg
from tests.support.web.api_client import RefusedError

START = datetime(2026, 11, 28, 12, tzinfo=UTC)
NUMBERS = every_number()
_ELSEWHERE = {"listen", "url", "port"}  # these name a place, not a quantity


def _keys(model: str, end: str, but: Iterable[str] = ()) -> list[str]:
    return [
        f"{number.field} = {getattr(number, end)}"
        for number in NUMBERS
        if number.model.__name__ == model and number.field not in {*_ELSEWHERE, *but}
    ]


def settings_at(end: str) -> str:
    """Return every number of the configuration at its lowest, or at its highest."""
    sections = {name: type(field.default) for name, field in Settings.model_fields.items()}
    tables = ("\n".join((f"[{n}]", *_keys(t.__name__, end))) for n, t in sections.items())
    return "\n".join(table for table in tables if "=" in table)


def accounts_at(end: str) -> str:
    """Return a plan with every number at that end, and tenants that override what they can."""
    plan, tenant = _keys("PlanTable", end), _keys("TenantTable", end)
    destination = ", ".join(_keys("DestinationTable", end))
    # The bounds of a unit price depend on its quantity and on the plan's currency.
    unit = {"lowest": 'price = "0", per = 1', "highest": 'price = "10000", per = 1'}[end]
    return "\n".join(
        (
            "[plan.p]", *plan,
            f'destinations = [{{ prefix = "49", {destination} }}]', f"meters.words = {{ {unit} }}",
            "[plan.hard]", 'overage = "block"', *plan,
            "[tenant.tried]", 'plan = "p"', 'status = "trial"', *tenant,
            "[tenant.active]", 'plan = "p"',
            "[tenant.blocked]", 'plan = "hard"',
            "[tenant.last]", 'plan = "p"',
            "[tenant.first]", 'plan = "p"',
        )
    )  # fmt: skip


async def everything(whole: Whole) -> None:
    """Run every query about the accounts; each answer is JSON, and none fails."""
    for path in ("/tenants", "/plans", "/accounts/tenants.csv"):
        await whole.api.get(path)
    await whole.api.get("/status")
    await whole.api.get("/usage/unowned")
    await whole.api.get("/calls")
    for month in (None, "1970-01", "2199-12"):
        await whole.api.get("/usage", month=month)
        await whole.api.get("/figures", month=month)
    await whole.api.get("/decisions", since="1970-01-01T00:00:00+00:00")
    await whole.api.post("/purge", dry_run=True)
    await whole.api.post("/daily-check", dry_run=True)
    for plan in sorted(whole.daemon.ground.accounts.registry.plans):
        await whole.api.get(f"/plans/{plan}")
    for slug in sorted(whole.daemon.ground.accounts.registry.tenants):
        await whole.api.get(f"/tenants/{slug}")
        await whole.api.get(f"/tenants/{slug}/one-offs")
        await whole.api.get(f"/tenants/{slug}/statements/preview")
        await whole.api.get("/statements", tenant=slug)
    assert b"pbxbilling_call_limit" in await whole.daemon.live.metrics.scrape()


def judged(whole: Whole, numbers: Iterable[int]) -> None:
    """Run a hook of every tenant in every direction; a fault of ours would be raised."""
    ids = iter(numbers)
    for slug in sorted(whole.daemon.ground.accounts.registry.tenants):
        for direction in Direction:
            verdict = whole.hook(slug, direction, next(ids))
            assert verdict.tenant == slug
            orjson.dumps(verdict.max_seconds)


def failures(whole: Whole) -> list[str]:
    """Return the failures in the log."""
    return [
        line for line in whole.log.logged if "fail" in line or "cannot" in line or "error" in line
    ]


async def talked(whole: Whole, clock: Clock) -> None:
    """Put legs of a moment and of a day on record for every tenant, at home and abroad."""
    ids = count(1)
    legs = [
        ended_leg(
            key=ChannelKey("pbx1", f"9.{next(ids)}"),
            tenant=slug,
            number=number,
            started_at=clock.now() - timedelta(seconds=seconds),
            answered_at=clock.now() - timedelta(seconds=seconds),
            ended_at=clock.now(),
            talk_us=seconds * 1_000_000,
            month=f"{clock.now():%Y-%m}",
        )
        for slug in whole.daemon.ground.accounts.registry.tenants
        for number in ("0155501", "49301234")
        for seconds in (1, 86_400)
    ]
    await whole.store.commit(legs)


@pytest.mark.parametrize("accounts", ["lowest", "highest"])
@pytest.mark.parametrize("settings", ["lowest", "highest"])
async def test_the_ends_of_all_bounds_work(settings: str, accounts: str, tmp_path: Path) -> None:
    clock = Clock(START)
    async with whole_daemon(tmp_path, clock, settings_at(settings)) as whole:
        given = {"text": accounts_at(accounts), "source": "accounts.toml"}
        await whole.api.put("/accounts", dry_run=True, **given)
        await whole.api.put("/accounts", dry_run=False, **given)
        await whole.api.put("/tenants/last/trial", until=f"{LAST_DAY}")
        await whole.api.put("/tenants/first/trial", until=f"{FIRST_DAY}")
        judged(whole, range(100))
        await whole.nightly()
        units = UnitCounter(whole.store.statement_store, whole.daemon.ground.accounts, clock)
        for reference in "ab":
            assert await units.take("active", "words", UNITS_MOST, reference) is UsageResult.COUNTED
        amount = {"lowest": "0", "highest": "999999999999.99"}[accounts]
        for _ in range(2):
            line = {"kind": "fee", "reason": "r", "month": None, "amount": amount}
            await whole.api.post("/tenants/active/one-offs", **line)
        await talked(whole, clock)
        await everything(whole)
        for months in (1, 2):
            clock.passed_s = months * 31 * 86_400.0
            judged(whole, range(months * 100, months * 100 + 100))
            await whole.nightly()
            await everything(whole)
        assert len(await whole.store.statement_store.statements(tenant="active")) == 2
        assert failures(whole) == []
    async with whole_daemon(tmp_path, clock, settings_at(settings)) as again:
        assert again.notices == ()
        judged(again, range(1000, 1100))
        await again.nightly()
        await everything(again)
        assert failures(again) == []


async def test_numbers_that_an_earlier_release_took_hold_up_no_start(tmp_path: Path) -> None:
    clock, plenty = Clock(START), 10**30
    plan = Plan(
        "old",
        limits=Limits(max_calls=plenty),
        included_minutes=9 * 10**17,
        billing_increment=BillingIncrement(plenty, plenty),
        overage_per_minute_micros=10**18,
        sort_order=10**15,
    )
    until = datetime(9999, 12, 30, tzinfo=UTC)
    tenant = Tenant("acme", "old", status=Status.TRIAL, trial_until=until, extensions=10**15)
    limited = replace(tenant, slug="globex", limits={"max_calls": plenty}, trial_until=None)
    async with whole_daemon(tmp_path, clock) as first:
        await first.store.commit([plan, tenant, limited])
    async with whole_daemon(tmp_path, clock) as whole:
        told = "\n".join(whole.notices)
        for what in ("plan old: limits", "included_minutes", "billing_increment", "sort_order"):
            assert what in told
        assert "tenant acme: trial_until is stored as 9999-12-30" in told
        assert "tenant globex: limits is stored as" in told
        registry = whole.daemon.ground.accounts.registry
        assert registry.plans["old"].limits.max_calls == COUNT_MOST
        assert registry.plans["old"].overage_per_minute_micros == 10**18  # money is not guessed
        assert registry.tenants["globex"].limits == {"max_calls": COUNT_MOST}
        judged(whole, range(100))
        await whole.nightly()
        await talked(whole, clock)
        await whole.api.get("/tenants")
        await whole.api.put(
            "/accounts", text="[plan.old]\n", source="a.toml", dry_run=False, reset=True
        )
    async with whole_daemon(tmp_path, clock) as mended:
        assert not [notice for notice in mended.notices if notice.startswith("plan")]


async def test_an_amount_that_cannot_be_stored_is_reported_and_ends_nothing(tmp_path: Path) -> None:
    clock = Clock(START)
    plan = Plan("dear", overage_per_minute_micros=10**18, currency="CLF")
    async with whole_daemon(tmp_path, clock) as first:
        await first.store.commit([plan, Tenant("acme", "dear"), Tenant("globex", "dear")])
    async with whole_daemon(tmp_path, clock) as whole:
        await whole.nightly()
        await talked(whole, clock)
        with pytest.raises(
            RefusedError, match=r"is \d+, more than can be stored: check the prices"
        ):
            await whole.api.get("/tenants/acme/statements/preview")
        clock.passed_s = 31 * 86_400.0
        await whole.nightly()
        (line,) = [one for one in whole.log.written if "cannot be made" in one["event"]]
        assert "more than can be stored" in line["error"]


@pytest.mark.parametrize(
    ("method", "path", "given"),
    [
        ("put", "/tenants/acme/trial", {"until": "9999-12-31"}),
        ("put", "/tenants/acme/trial", {"until": "0001-01-01"}),
        ("get", "/usage", {"month": "9999-12"}),
        ("get", "/usage", {"month": "0001-01"}),
        ("get", "/figures", {"month": "9999-12"}),
        ("get", "/tenants/acme/statements/preview", {"month": "x"}),
        ("get", "/decisions", {"since": "0001-01-01T00:00:00+14:00"}),
        ("get", "/decisions", {"since": "2026-11-28T12:00:00"}),
        (
            "post",
            "/tenants/acme/one-offs",
            {"kind": "fee", "amount": "1", "reason": "r", "month": "9999-12"},
        ),
        ("post", "/tenants/acme/one-offs", {"kind": "fee", "amount": "1e9", "reason": "r"}),
        (
            "post",
            "/tenants/acme/plan-changes",
            {"plan": "p", "at": "9999-12-31T23:59:59-14:00", "dry_run": True},
        ),
    ],
)
async def test_a_request_beyond_the_bounds_is_refused_in_words(
    method: str, path: str, given: dict[str, object], tmp_path: Path
) -> None:
    async with whole_daemon(tmp_path, Clock(START)) as whole:
        text = '[plan.p]\n[tenant.acme]\nplan = "p"\n'
        await whole.api.put("/accounts", text=text, source="a.toml")
        with pytest.raises(RefusedError, match="expected") as refused:
            await getattr(whole.api, method)(path, **given)
        assert refused.value.status == 422
