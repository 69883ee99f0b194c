"""`stripe check` at our own fake of Stripe: it checks everything, and shows and charges nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.config.sections import DatabaseSettings, StripeSettings
from pbxbilling.config.settings import Settings
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.stripe import examine_stripe
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from rig.fakestripe import LIVE_KEY, TEST_KEY, FakeStripe, Fault
from tests.support.store.database import sqlite_path

SECRET = "whsec_neverShown0000"


def settings(tmp_path: Path, fake: FakeStripe, **changed: object) -> Settings:
    stripe = StripeSettings(
        enabled=True,
        secret_key=SecretStr(TEST_KEY),
        webhook_secrets=(SecretStr(SECRET),),
        api_base=fake.url,
        success_url="https://provider.example/done",
        cancel_url="https://provider.example/back",
        portal_return_url="https://provider.example/account",
    ).model_copy(update=changed)
    database = DatabaseSettings(url=f"sqlite:///{tmp_path}/pbxbilling.db")
    return Settings(database=database, stripe=stripe)


async def looked(given: Settings, *plans: Plan) -> list[Check]:
    async with await SqlStore.open(SqliteFile(sqlite_path(given))) as store:
        await store.commit(plans)
    checks = await examine_stripe(given)
    told = repr(checks)
    for secret in (TEST_KEY, LIVE_KEY, SECRET):
        assert secret not in told
    return checks


HOOK = "https://provider.example/api/stripe/webhook"
REPORTS = "v1.billing.meter.error_report_triggered"


@pytest.fixture
def fake(fake: FakeStripe) -> FakeStripe:
    """The fake of an account that is set up as the guide says."""
    fake.account.configure_portal()
    fake.account.register_endpoint(HOOK)
    fake.account.register_destination(HOOK, REPORTS)
    return fake


def plan(fake: FakeStripe, *, active: bool = True) -> Plan:
    metered = fake.create_price(meter=fake.create_meter(), tiers=[(500, "0"), (None, "50")])
    return Plan(
        "starter",
        currency="EUR",
        prices={Cycle.MONTH: 1000},
        included_minutes=500,
        overage_per_minute_micros=500_000,
        gateway_prices={STRIPE: Prices(flat=fake.create_price(1000), metered=metered)},
        active=active,
    )


def told(checks: list[Check], result: Result) -> list[tuple[str, str, str]]:
    return [(one.subject, one.name, one.found) for one in checks if one.result is result]


async def test_all_is_well_and_nothing_was_changed(tmp_path: Path, fake: FakeStripe) -> None:
    checks = await looked(settings(tmp_path, fake), plan(fake))
    assert {check.result for check in checks} == {Result.OK}
    found = {(one.subject, one.name): one.found for one in checks}
    assert found["stripe", "key"] == "sk_test_…: test mode, no money moves"
    assert found["stripe", "account"] == "Fake Telecom (acct_fake)"
    assert ("plan starter", "flat") in found
    assert {one.method for one in fake.asked()} == {"GET"}


@pytest.mark.parametrize(
    ("found", "told_of"),
    [
        ({"tiers": [(500, "0"), (None, "50")], "tiers_mode": "volume"}, "is in tiers by volume"),
        ({"tiers": [(300, "0"), (None, "50")]}, "has 300 minutes without charge in its first tier"),
        ({"tiers": [(500, "0"), (None, "50.5")]}, "costs 0.505 EUR a minute beyond it"),
        ({"amount": "50.5"}, "costs 0.505 EUR a minute, which is not overage_per_minute"),
    ],
)
async def test_tiers_and_fractions_of_the_usage_price_are_compared(
    tmp_path: Path, fake: FakeStripe, found: dict[str, Any], told_of: str
) -> None:
    metered = fake.create_price(meter=fake.create_meter(), **found)
    prices = Prices(flat=fake.create_price(1000), metered=metered)
    given = replace(plan(fake), gateway_prices={STRIPE: prices})
    ((_, name, text),) = told(await looked(settings(tmp_path, fake), given), Result.FAIL)
    assert (name, told_of in text) == ("metered", True)


async def test_the_meters_event_name_is_compared(tmp_path: Path, fake: FakeStripe) -> None:
    meter = fake.create_meter("minutes_of_voice")
    metered = fake.create_price(meter=meter, tiers=[(500, "0"), (None, "50")])
    prices = Prices(flat=fake.create_price(1000), metered=metered)
    given = replace(plan(fake), gateway_prices={STRIPE: prices})
    ((_, name, text),) = told(await looked(settings(tmp_path, fake), given), Result.FAIL)
    assert (name, 'with the event name "minutes_of_voice"' in text) == ("metered", True)


async def test_portal_and_endpoints_of_the_account_are_looked_at(
    tmp_path: Path, fake: FakeStripe
) -> None:
    fake.account.configure_portal("immediately")
    lacking = fake.account.register_endpoint(HOOK, "invoice.paid")
    fake.account.register_endpoint("https://shop.example/hook", "charge.succeeded")
    checks = await looked(settings(tmp_path, fake), plan(fake))
    assert [name for _, name, _ in told(checks, Result.WARN)] == ["portal"]
    ((_, name, text),) = told(checks, Result.FAIL)
    assert name == f"endpoint {lacking}"
    assert text.endswith("invoice.payment_failed, invoice.payment_succeeded, invoice.voided")
    assert {one.method for one in fake.asked()} == {"GET"}


async def test_a_live_key_says_so_and_finds_no_test_prices(
    tmp_path: Path, fake: FakeStripe
) -> None:
    given = settings(tmp_path, fake, secret_key=SecretStr(LIVE_KEY))
    checks = await looked(given, plan(fake))
    assert told(checks, Result.OK)[0][2] == "sk_live_…: live mode, real money"
    assert [
        (name, "is not in live mode" in text) for _, name, text in told(checks, Result.FAIL)
    ] == [
        ("endpoints", False),
        ("flat", True),
        ("metered", True),
    ]


async def test_deactivated_plans_are_not_checked(tmp_path: Path, fake: FakeStripe) -> None:
    await looked(settings(tmp_path, fake), plan(fake, active=False))
    assert not fake.asked(path="/v1/prices")


@pytest.mark.parametrize("key", ["sk_test_wrong0000", "pk_test_abc", "sk test"])
async def test_a_wrong_key_fails_and_is_not_shown(
    tmp_path: Path, fake: FakeStripe, key: str
) -> None:
    checks = await looked(settings(tmp_path, fake, secret_key=SecretStr(key)), plan(fake))
    assert "account" in [name for _, name, _ in told(checks, Result.FAIL)]
    assert key not in repr(checks)


@pytest.mark.parametrize("secrets", [(), (SecretStr(SECRET), SecretStr("whsec_ two words"))])
async def test_webhook_secrets_are_looked_at(
    tmp_path: Path, fake: FakeStripe, secrets: tuple[SecretStr, ...]
) -> None:
    checks = await looked(settings(tmp_path, fake, webhook_secrets=secrets))
    ((_, name, _),) = told(checks, Result.FAIL)
    assert name.startswith("webhook secret")


async def test_a_page_that_is_not_set_is_told(tmp_path: Path, fake: FakeStripe) -> None:
    checks = await looked(settings(tmp_path, fake, success_url=None))
    assert [name for _, name, _ in told(checks, Result.WARN)] == ["success_url"]


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.NONSENSE, Fault.ERROR, Fault.RATE_LIMITED])
async def test_a_stripe_that_fails_is_a_check_that_failed(
    tmp_path: Path, fake: FakeStripe, fault: Fault
) -> None:
    fake.break_api(fault)
    checks = await looked(settings(tmp_path, fake), plan(fake))
    assert [name for _, name, _ in told(checks, Result.FAIL)] == ["account"]


async def test_no_database_is_made(tmp_path: Path, fake: FakeStripe) -> None:
    given = settings(tmp_path, fake)
    assert not told(await examine_stripe(given), Result.FAIL)
    assert not sqlite_path(given).exists()
