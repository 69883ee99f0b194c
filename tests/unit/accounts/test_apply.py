"""An accounts file against the accounts in force: what it may change, and what it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pbxbilling.accounts.apply import AccountsError, Change, ChangeKind, TenantChange, plan_changes
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement, Plan, Prices
from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.kernel.gateway_names import STRIPE

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = Policy(trial_days=14, default_plan="pro")
PRO = Plan("pro", "Pro", gateway_prices={STRIPE: Prices(flat="price_1", setup="price_9")})
OLD = Plan("old", "Old", active=False)
ACME = Tenant("acme", "pro", dids=("+15550100",))
LOYAL = Tenant("loyal", "old")


def applied(text: str, *, plans: tuple[Plan, ...] = (PRO, OLD)) -> list[Change]:
    registry = Registry(plans, [ACME, LOYAL])
    return plan_changes(registry, read_accounts(text, "accounts.toml"), NOW, POLICY)


def refused(text: str) -> str:
    with pytest.raises(AccountsError) as told:
        applied(text)
    (problem,) = told.value.problems
    return problem


def test_a_deactivated_plan_cannot_be_chosen() -> None:
    told = refused('[tenant.acme]\nplan = "old"\n')
    assert told.startswith("accounts.toml:1: tenant acme: plan: 'old' is deactivated")
    assert refused('[tenant.new]\nplan = "old"\n').startswith("accounts.toml:1: tenant new: plan:")


def test_a_deactivated_plan_stays_with_who_has_it() -> None:
    (change,) = applied('[tenant.loyal]\nplan = "old"\nname = "Loyal Ltd."\n')
    assert change.kind is ChangeKind.CHANGED


def test_deactivating_a_plan_says_who_keeps_it_until_renewal() -> None:
    (change,) = applied('[plan.pro]\nname = "Pro"\nactive = false\n')
    (note,) = change.notes
    assert "it stays with acme until renewal" in note
    (sold,) = applied('[plan.pro]\nname = "Pro"\n')
    assert sold.notes == ()
    (unused,) = applied("[plan.nobodys]\nactive = false\n")
    assert unused.notes == ()


def test_whoever_leaves_a_plan_in_the_same_file_does_not_keep_it() -> None:
    plan, _ = applied('[plan.old]\nactive = false\n[tenant.loyal]\nplan = "pro"\n')
    assert plan.notes == ()


def test_many_who_keep_a_plan_are_counted() -> None:
    tenants = [Tenant(f"t{number:03}", "old") for number in range(1000)]
    file = read_accounts("[plan.old]\nactive = false\n", "accounts.toml")
    (change,) = plan_changes(Registry([OLD], tenants), file, NOW, POLICY)
    assert change.notes[0].endswith("t008, t009 and 990 more until renewal")


@pytest.mark.parametrize("kept", ['name = "Pro"', 'stripe_prices = { flat = "price_1" }'])
def test_a_plan_under_another_slug_is_a_rename_and_refused(kept: str) -> None:
    told = refused(f"[plan.pro-2]\n{kept}\n")
    assert told.startswith("accounts.toml:1: plan pro-2: looks like plan pro under another slug")
    assert "a slug never changes" in told


def test_a_plan_that_follows_one_of_its_name_is_no_rename() -> None:
    text = '[plan.pro]\nname = "Pro"\nactive = false\n[plan.pro-2027]\nname = "Pro"\n'
    assert [change.kind for change in applied(text)] == [ChangeKind.CHANGED, ChangeKind.ADDED]


def test_one_price_at_stripe_is_sold_by_one_plan() -> None:
    told = refused(
        '[plan.pro]\nstripe_prices.flat = "price_1"\n[plan.b]\nstripe_prices.yearly = "price_1"\n'
    )
    assert told.startswith("accounts.toml:3: plan b: stripe_prices.yearly: 'price_1' is already")


def test_a_setup_fee_at_stripe_may_be_that_of_many_plans() -> None:
    text = '[plan.pro]\nname = "Pro"\n[plan.b]\nstripe_prices.setup = "price_9"\n'
    assert len(applied(text)) == 2


def test_a_tenants_missing_plan_is_named_with_the_fix() -> None:
    told = refused('[plan.a]\n[tenant.new]\nplan = "gold"\n')
    assert told.startswith("accounts.toml:2: tenant new: plan: 'gold' is unknown (known: a, old")


def test_a_tenant_that_is_charged_elsewhere_cannot_become_a_demo() -> None:
    linked = replace(ACME, subscription="sub_1")
    file = read_accounts('[tenant.acme]\nplan = "pro"\ndemo = true\n', "accounts.toml")
    with pytest.raises(
        AccountsError, match=r"acme: demo: .* subscription sub_1 still bills this one: cancel"
    ):
        plan_changes(Registry([PRO], [linked]), file, NOW, POLICY)
    over = replace(linked, status=Status.CANCELLED)
    (change,) = plan_changes(Registry([PRO], [over]), file, NOW, POLICY)
    assert change.after == replace(over, demo=True, dids=())


def test_a_number_belongs_to_one_tenant() -> None:
    told = refused('[tenant.new]\nplan = "pro"\ndids = ["+15550100"]\n')
    assert told.startswith("accounts.toml:1: tenant new: dids: '+15550100' is claimed by tenant")


def test_what_is_lived_is_not_undone_by_the_file() -> None:
    lived = replace(ACME, customer="cus_1", subscription="sub_1", setup_paid_at=NOW, renews_at=NOW)
    file = read_accounts('[tenant.acme]\nplan = "pro"\nname = "Acme"\n', "accounts.toml")
    (change,) = plan_changes(Registry([PRO], [lived]), file, NOW, POLICY)
    assert change.after == replace(lived, name="Acme", dids=())


def applied_to(tenant: Tenant, keys: str, policy: Policy = POLICY) -> TenantChange:
    """Return the change that `[tenant.acme]` with these keys makes to a tenant."""
    file = read_accounts(f"[tenant.acme]\n{keys}\n", "accounts.toml")
    (change,) = plan_changes(Registry([PRO, OLD], [tenant]), file, NOW, policy)
    assert isinstance(change, TenantChange)
    return change


def test_a_tenant_that_names_no_plan_gets_the_default_one_and_keeps_what_it_has() -> None:
    (new,) = applied("[tenant.new]\n")
    assert (new.after, new.kind) == (Tenant("new", "pro", added_at=NOW), ChangeKind.ADDED)
    assert applied_to(Tenant("acme", "old"), "").kind is ChangeKind.UNCHANGED


def test_a_missing_default_plan_is_named_with_the_fix() -> None:
    file = read_accounts("[tenant.new]\n", "accounts.toml")
    with pytest.raises(AccountsError, match=r"^accounts.toml:1: tenant new: plan: 'free' is unkno"):
        plan_changes(Registry([PRO]), file, NOW, Policy())


def test_a_trial_begins_when_the_file_first_says_so_and_only_then() -> None:
    begun = applied_to(ACME, 'status = "trial"')
    assert (begun.after.status, begun.transition) == (Status.TRIAL, Transition.TRIAL_BEGAN)
    assert begun.after.trial_until == NOW + timedelta(days=14)
    again = applied_to(begun.after, 'status = "trial"')
    assert (again.kind, again.notes) == (ChangeKind.UNCHANGED, ())


@pytest.mark.parametrize("lived", [Status.GRACE_PERIOD, Status.READ_ONLY, Status.ACTIVE])
def test_a_file_gives_nobody_a_second_trial(lived: Status) -> None:
    had = Tenant("acme", "pro", status=lived, trial_until=NOW - timedelta(days=3))
    change = applied_to(had, 'status = "trial"')
    assert change.kind is ChangeKind.UNCHANGED
    assert change.notes[0].startswith(f"still {lived}: its trial ended on 2026-11-18; `tenant tri")


def test_the_trial_of_a_subscription_is_not_for_a_file_to_say() -> None:
    paying = Tenant("acme", "pro", status=Status.PAST_DUE, subscription="sub_1")
    change = applied_to(paying, 'status = "trial"')
    assert (change.kind, "subscription sub_1" in change.notes[0]) == (ChangeKind.UNCHANGED, True)


def test_a_status_that_contradicts_a_subscription_holds_until_that_is_heard_of() -> None:
    over = Tenant("acme", "pro", status=Status.CANCELLED, subscription="sub_1")
    change = applied_to(over, 'status = "active"')
    assert change.after.status is Status.ACTIVE
    assert "sub_1 says cancelled: its next event overrides" in change.notes[0]
    suspended = applied_to(over, 'status = "suspended"')
    assert (suspended.after.blocks, suspended.notes) == (frozenset({Blocker.OPERATOR}), ())


def test_a_tenant_that_names_no_zone_lives_in_the_providers() -> None:
    text = """
[plan.pro]
[tenant.acme]
plan = "pro"
[tenant.globex]
plan = "pro"
timezone = "UTC"
"""
    policy = Policy(timezone="Europe/Berlin")
    changes = plan_changes(Registry(), read_accounts(text, "accounts.toml"), NOW, policy)
    zones = [change.after.timezone for change in changes if isinstance(change.after, Tenant)]
    assert zones == ["Europe/Berlin", "UTC"]


METERED = '[tenant.acme]\nplan = "pro"\ntimezone = "UTC"\ncharges = "meter_events"\n'


def test_usage_is_charged_another_way_only_from_the_next_period_on() -> None:
    (change,) = applied(METERED)
    assert isinstance(change.after, Tenant)
    usage_collection = change.after.usage_collection
    assert usage_collection == UsageCollection(
        CollectionMethod.METER_EVENTS, since=datetime(2026, 12, 1, tzinfo=UTC)
    )


def test_a_new_tenant_is_charged_so_from_its_first_call_on() -> None:
    (change,) = applied(METERED.replace("acme", "new"))
    assert isinstance(change.after, Tenant)
    assert change.after.usage_collection == UsageCollection(CollectionMethod.METER_EVENTS)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"billing_increment": BillingIncrement(6, 6)}, "6/6, is not whole minutes"),
        ({"price_per_call_micros": 1}, "a price per call"),
        ({"destinations": (DestinationRate("44", 1),)}, "rates by destination"),
    ],
)
def test_a_plan_that_a_minute_meter_cannot_charge_is_refused_with_the_fix(
    terms: dict[str, Any], why: str
) -> None:
    with pytest.raises(AccountsError) as told:
        applied(METERED, plans=(replace(PRO, **terms), OLD))
    (problem,) = told.value.problems
    assert problem.startswith("accounts.toml:1: tenant acme: charges: meter events count whole")
    assert why in problem
    assert 'set charges = "invoice_items"' in problem
