from pathlib import Path

import pytest

from pbxbilling.config.accounts_file import load_accounts, read_accounts
from pbxbilling.config.faults import ConfigError
from pbxbilling.domain.plan import BillingIncrement, Overage

EXAMPLE = Path(__file__).parents[3] / "config" / "accounts.example.toml"


def test_the_example_file_is_good() -> None:
    accounts = load_accounts(EXAMPLE)
    plans = {plan.slug: plan for plan in accounts.plans}
    assert {slug: plans[slug].price_minor for slug in plans if slug != "free"} == {
        "voice-500": 204_00,
        "voice-1000": 366_00,
        "voice-2000": 624_00,
    }
    assert plans["voice-500"].overage_per_minute_micros == 500_000
    assert plans["voice-500"].billing_increment == BillingIncrement(60, 60)
    assert plans["free"].overage is Overage.BLOCK
    assert [tenant.slug for tenant in accounts.tenants] == ["acme", "globex"]


def test_minus_one_and_unset_are_unlimited_and_zero_is_none() -> None:
    text = "[plan.a]\nmax_calls = -1\nmax_outbound_calls = 0\n"
    (plan,) = read_accounts(text, "accounts.toml").plans
    assert plan.limits.max_calls is None
    assert plan.limits.max_outbound_calls == 0
    assert plan.limits.max_trunk_legs is None


def test_a_tenants_minus_one_lifts_the_plans_limit() -> None:
    (tenant,) = read_accounts('[tenant.a]\nplan = "p"\nmax_calls = -1\n', "x").tenants
    assert tenant.limits == {"max_calls": None}


@pytest.mark.parametrize(
    ("text", "line", "names"),
    [
        ("[plan.a]\nmax_cals = 5\n", 2, "plan.a.max_cals"),
        ('[plan.a]\nmax_calls = "five"\n', 2, "plan.a.max_calls"),
        ('[tenant.a]\nplan = "p"\ntimezone = "Mars/Base"\n', 3, "tenant.a.timezone"),
        ('[plan.a]\nprice = "1.234"\n', 1, "plan.a"),
        ('[plan.a]\nbilling_increment = "60"\n', 1, "plan.a"),
        ('[plan."A B"]\n', 1, "plan.A B"),
    ],
)
def test_a_fault_names_the_key_and_the_line(text: str, line: int, names: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_accounts(text, "accounts.toml")
    (fault,) = raised.value.faults
    assert (fault.source, fault.line) == ("accounts.toml", line)
    assert fault.key.startswith(names)
