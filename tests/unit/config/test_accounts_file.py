import json
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pbxbilling.accounts.fields import TENANT_FIELDS
from pbxbilling.accounts.file_format import as_written, file_key
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import UsageCollection
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement, Cycle, Overage, Plan, Prices
from pbxbilling.config.accounts_file import PlanTable, load_accounts, read_accounts
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.tenants_csv import read_tenants, write_tenants
from pbxbilling.kernel.gateway_names import STRIPE
from tests.support.accounts.desk import toml
from tests.support.kernel.every_field import differing

EXAMPLE = Path(__file__).parents[3] / "config" / "accounts.example.toml"
LIVED = {field.name for field in TENANT_FIELDS if field.lived}
TO = "[[plan.a.destinations]]\n"


def test_the_example_file_is_good() -> None:
    accounts = load_accounts(EXAMPLE)
    plans = {plan.slug: plan for plan in accounts.plans}
    sold = {slug: plan for slug, plan in plans.items() if slug != "free"}
    assert {slug: (p.included_minutes, p.prices[Cycle.MONTH]) for slug, p in sold.items()} == {
        "voice-500": (500, 204_00),
        "voice-1000": (1000, 366_00),
        "voice-2000": (2000, 624_00),
    }
    for plan in sold.values():
        assert plan.prices[Cycle.YEAR] * 10 == plan.prices[Cycle.MONTH] * 12 * 9
        assert (plan.setup_fee, plan.overage_per_minute_micros) == (249_00, 500_000)
    assert plans["voice-500"].billing_increment == BillingIncrement(60, 60)
    assert plans["free"].overage is Overage.BLOCK
    assert [tenant.slug for tenant in accounts.tenants] == ["acme", "globex", "showroom"]


def test_minus_one_and_unset_are_unlimited_and_zero_is_none() -> None:
    text = "[plan.a]\nmax_calls = -1\nmax_outbound_calls = 0\n"
    (plan,) = read_accounts(text, "accounts.toml").plans
    assert plan.limits.max_calls is None
    assert plan.limits.max_outbound_calls == 0
    assert plan.limits.max_trunk_legs is None


def test_minus_one_included_minutes_are_unlimited_and_unset_are_none() -> None:
    text = "[plan.a]\nincluded_minutes = -1\n[plan.b]\n"
    unlimited, none = read_accounts(text, "accounts.toml").plans
    assert unlimited.included_minutes is None
    assert none.included_minutes == 0


@pytest.mark.parametrize(
    ("currency", "written", "minor"),
    [("EUR", "12.30", 1230), ("JPY", "1230", 1230), ("KWD", "1.230", 1230)],
)
def test_a_price_is_in_the_minor_units_of_its_currency(
    currency: str, written: str, minor: int
) -> None:
    text = f'[plan.a]\nprice_half_year = "{written}"\ncurrency = "{currency}"\n'
    (plan,) = read_accounts(text, "accounts.toml").plans
    assert plan.prices == {Cycle.HALF_YEAR: minor}
    assert as_written(plan)["price_half_year"] == written


def test_a_plan_is_read_as_it_is_written() -> None:
    text = """
        [plan.a]
        description = "For two desks"
        price = "20.00"
        price_quarter = "57.00"
        price_year = "200.00"
        price_per_call = "0.005"
        setup_fee = "249.00"
        tax_rate = "7.75"
        features = ["recording", "fax"]
        recommended = true
        sort_order = 2
        [plan.a.stripe_prices]
        flat = "price_1"
        metered = "price_2"
        [[plan.a.destinations]]
        prefix = "44"
        per_minute = "0.05"
        name = "Britain"
        since = 2026-12-01
        [[plan.a.destinations]]
        prefix = "1"
        per_minute = "0.01"
        in_allowance = true
    """
    (plan,) = read_accounts(text, "accounts.toml").plans
    assert plan.prices == {Cycle.MONTH: 2000, Cycle.QUARTER: 5700, Cycle.YEAR: 20_000}
    assert (plan.price_per_call_micros, plan.setup_fee) == (5000, 24_900)
    assert plan.tax_rate_bp == 775
    assert plan.destinations == (
        DestinationRate("44", 50_000, "Britain", date(2026, 12, 1)),
        DestinationRate("1", 10_000, in_allowance=True),
    )
    assert plan.features == {"recording", "fax"}
    assert plan.prices_at(STRIPE) == Prices(flat="price_1", metered="price_2")
    written = {k: v for k, v in as_written(plan).items() if v is not None}
    assert written["stripe_prices"] == {"flat": "price_1", "metered": "price_2"}
    assert PlanTable.model_validate_json(json.dumps(written)).plan("a") == plan


def test_every_field_of_a_plan_is_read_as_it_is_written() -> None:
    plan = differing(Plan)
    text = toml(f"plan.{plan.slug}", stateable(plan))
    assert read_accounts(text, "accounts.toml").plans == (plan,)


def test_every_field_of_a_tenant_that_a_file_sets_is_read_as_it_is_written() -> None:
    known = differing(Tenant)
    unlived: dict[str, Any] = {f.name: f.default for f in fields(Tenant) if f.name in LIVED}
    collection = UsageCollection(known.usage_collection.way)  # its beginning is lived
    tenant = replace(known, **unlived, usage_collection=collection)
    text = toml(f"tenant.{tenant.slug}", stateable(tenant))
    assert read_accounts(text, "accounts.toml").tenants == (tenant,)
    assert read_tenants(write_tenants([tenant]), "tenants.csv").tenants == (tenant,)


def stateable(record: Plan | Tenant) -> dict[str, Any]:
    """Return the keys with a value, except a lived one's."""
    written = as_written(record).items()
    return {k: v for k, v in written if v is not None and file_key(k) == k and k not in LIVED}


def test_a_tenants_minus_one_lifts_the_plans_limit() -> None:
    (tenant,) = read_accounts('[tenant.a]\nplan = "p"\nmax_calls = -1\n', "x").tenants
    assert tenant.limits == {"max_calls": None}


@pytest.mark.parametrize(
    ("text", "line", "names"),
    [
        ("[plan.a]\nmax_cals = 5\n", 2, "plan.a.max_cals"),
        ('[plan.a]\nmax_calls = "five"\n', 2, "plan.a.max_calls"),
        ('[tenant.a]\nplan = "p"\ntimezone = "Mars/Base"\n', 3, "tenant.a.timezone"),
        ('[plan.a]\nname = "A"\nprice = "1.234"\n', 3, "plan.a.price"),
        ('[plan.a]\nname = "A"\nprice_year = "1.5"\ncurrency = "JPY"\n', 3, "plan.a.price_year"),
        ('[plan.a]\nname = "A"\nsetup_fee = "-1"\n', 3, "plan.a.setup_fee"),
        ('[plan.a]\nname = "A"\nprice_per_call = "x"\n', 3, "plan.a.price_per_call"),
        ('[plan.a]\nname = "A"\nbilling_increment = "60"\n', 3, "plan.a.billing_increment"),
        ('[plan.a]\nname = "A"\nfeatures = ["a b"]\n', 3, "plan.a.features[0]"),
        ('[plan.a]\nstripe_prices.montly = "p"\n', 2, "plan.a.stripe_prices.montly"),
        ('[plan.a]\nname = "A"\ntax_rate = "100.01"\n', 3, "plan.a.tax_rate"),
        (f"{TO}prefix = '+44'\nper_minute = '1'\n", 2, "plan.a.destinations[0].prefix"),
        (
            f"{TO}prefix = '4'\nsince = 'soon'\nper_minute = '1'\n",
            3,
            "plan.a.destinations[0].since",
        ),
        (f"{TO}prefix = '4'\n", 1, "plan.a.destinations[0].per_minute"),
        (
            f"[plan.a]\n{TO}prefix='4'\nper_minute='1'\n{TO}prefix='4'\nper_minute='2'\n",
            2,
            "plan.a.destinations",
        ),
        ('[plan."A B"]\n', 1, "plan.A B"),
        ('[plan.a]\nname = "a\\u001b[31m"\n', 2, "plan.a.name"),
        (f"{TO}prefix='4'\nper_minute='1'\nname = 'a\u202eb'\n", 4, "plan.a.destinations[0].name"),
        ('[tenant.a]\naccountcodes = ["a\\u0000"]\n', 2, "tenant.a.accountcodes"),
        ('[tenant.a]\ncontexts = ["a\u00a0b"]\n', 2, "tenant.a.contexts"),
        ('[tenant.a]\ndids = ["1\\n2"]\n', 2, "tenant.a.dids"),
        ('[tenant.a]\nemail = "a\\u009b@b"\n', 2, "tenant.a.email"),
        (f'[tenant.a]\nname = "{"n" * 201}"\n', 2, "tenant.a.name"),
        (f'[tenant.a]\naddress = "{"n" * 1001}"\n', 2, "tenant.a.address"),
    ],
)
def test_a_fault_names_the_key_and_the_line(text: str, line: int, names: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_accounts(text, "accounts.toml")
    (fault,) = raised.value.faults
    assert (fault.source, fault.line) == ("accounts.toml", line)
    assert fault.key.startswith(names)


@pytest.mark.parametrize(
    "name", ["Łódź & Şahin Жук", "株式会社", "نمی\u200cبم", "👩\u200d💻", "n" * 200]
)
def test_a_name_is_in_any_script(name: str) -> None:
    address = f"{name}\n10115 Berlin"
    written = f'[tenant.a]\nname = "{name}"\naddress = """{address}"""\n'
    (tenant,) = read_accounts(written, "accounts.toml").tenants
    assert (tenant.name, tenant.address) == (name, address)
