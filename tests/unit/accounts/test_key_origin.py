"""Each writer of an account key is recorded as its last writer, together with the change."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.records import AuditRecord
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Limits, Plan, Prices
from pbxbilling.kernel.errors import AdministrationError, StoreError
from pbxbilling.kernel.gateway_names import STRIPE
from tests.support.accounts.desk import AccountsDesk, toml
from tests.support.billing.statements import billing_desk
from tests.support.kernel.actors import named
from tests.support.kernel.clock import START
from tests.support.privacy.purges import forgetter_of

FREE, PRO = Plan("free"), Plan("pro", gateway_prices={STRIPE: Prices(flat="price_pro")})
ACME = Tenant("acme", "free", name="Acme")


def desk(*tenants: Tenant) -> AccountsDesk:
    return AccountsDesk([FREE, PRO], tenants or [ACME])


async def test_a_file_sets_the_keys_that_it_states_of_what_it_adds() -> None:
    at = desk()
    await at.apply('[plan.new]\nmax_calls = 3\n[tenant.new]\nplan = "new"\ndids = ["1"]\n')
    assert await at.origins("new") == dict.fromkeys(("dids", "plan"), SetBy.FILE)
    assert await at.origins("new", AccountKind.PLAN) == {"max_calls": SetBy.FILE}
    assert await at.origins("acme") == {}


async def test_a_file_sets_what_it_changes_and_what_it_resets() -> None:
    at = desk(Tenant("acme", "free", name="Acme", dids=("1",)))
    await at.apply('[tenant.acme]\nname = "Acme Inc."\nplan = "free"\n', reset=True)
    assert await at.origins("acme") == dict.fromkeys(("dids", "name"), SetBy.FILE)


async def test_what_is_imported_is_set_by_a_file_too() -> None:
    at = desk()
    await at.load("tenant,plan,mode\nnew,pro,\nacme,pro,log\n")
    assert await at.origins("acme") == dict.fromkeys(("mode", "plan"), SetBy.FILE)
    assert await at.origins("new") == {"plan": SetBy.FILE}


async def test_an_origin_is_written_in_the_transaction_of_its_change_and_audit() -> None:
    at = desk()
    await at.administration.suspend("acme", named("root"))
    (records,) = at.store.commits
    assert {type(record) for record in records} == {Tenant, AuditRecord, KeyOrigin}
    (origin,) = await at.store.key_origins(AccountKind.TENANT, "acme")
    assert origin == KeyOrigin(AccountKind.TENANT, "acme", "status", SetBy.COMMAND, START)


async def test_what_could_not_be_kept_has_no_origin() -> None:
    at = desk()
    at.store.fault = StoreError("full")
    with pytest.raises(StoreError):
        await at.administration.suspend("acme", named("root"))
    assert await at.origins("acme") == {}


async def test_a_dry_run_and_what_is_refused_set_nothing() -> None:
    at = desk(Tenant("acme", "free", dids=("1",)))
    await at.administration.suspend("acme", named("root"))
    before = await at.origins("acme")
    await at.apply('[tenant.acme]\nstatus = "active"\n', dry_run=True, reset=True)
    await at.apply('[tenant.acme]\nstatus = "active"\n')
    assert await at.origins("acme") == before


async def test_a_suspension_an_activation_and_a_trial_are_keys_of_the_status() -> None:
    for command in ("suspend", "activate", "trial"):
        at = desk()
        await at.administration.suspend("acme", named("root"))
        await at.apply('[tenant.acme]\nname = "Acme"\nstatus = "suspended"\n')
        assert await at.origins("acme") == {"status": SetBy.FILE}
        if command == "trial":
            await at.administration.trial("acme", date(2027, 1, 1), named("root"))
        else:
            await getattr(at.administration, command)("acme", named("root"))
        # suspending a suspended tenant changes nothing
        by = SetBy.FILE if command == "suspend" else SetBy.COMMAND
        assert await at.origins("acme") == {"status": by}


async def test_a_change_of_plan_is_a_command_s() -> None:
    at = desk()
    changes = billing_desk(at.store, at.writer, at.clock).plan_changes
    await changes.change("acme", "pro", None, named("root"), dry_run=True)
    assert await at.origins("acme") == {}
    await changes.change("acme", "pro", None, named("root"), dry_run=False)
    assert await at.origins("acme") == {"plan": SetBy.COMMAND}


async def test_what_a_subscription_says_is_the_gateway_s() -> None:
    at = desk(Tenant("acme", "free", status=Status.INCOMPLETE))
    await at.subscribe("acme", "price_pro")
    assert at.registry.tenants["acme"].plan == "pro"
    assert await at.origins("acme") == dict.fromkeys(("plan", "status"), SetBy.GATEWAY)
    await at.administration.suspend("acme", named("root"))
    assert (await at.origins("acme"))["status"] is SetBy.COMMAND


async def test_what_the_clock_ended_is_the_clock_s() -> None:
    over = START - timedelta(days=30)
    at = desk(Tenant("acme", "free", status=Status.TRIAL, trial_until=over))
    await at.daily.run(named("root"))
    assert at.registry.tenants["acme"].status is Status.READ_ONLY
    assert await at.origins("acme") == {"status": SetBy.CLOCK}


async def test_a_tenant_that_was_forgotten_stays_so_by_a_command() -> None:
    gone = START - timedelta(days=40)
    at = desk(
        Tenant(
            "acme", "free", "Acme", email="a@b.example", status=Status.CANCELLED, status_since=gone
        )
    )
    await forgetter_of(at.store, at.writer, at.clock).forget("acme", named("root"))
    assert await at.origins("acme") == dict.fromkeys(("email", "name"), SetBy.COMMAND)
    assert "a@b.example" not in str(at.store.origins)


async def test_a_key_that_a_file_states_as_it_is_becomes_the_file_s() -> None:
    at = desk()
    await at.administration.suspend("acme", named("root"))
    await at.apply('[tenant.acme]\nname = "Acme"\n')
    assert await at.origins("acme") == {"status": SetBy.COMMAND}
    at.clock.passed_s = 60.0
    await at.apply('[tenant.acme]\nname = "Acme"\nstatus = "suspended"\n')
    (origin,) = await at.store.key_origins(AccountKind.TENANT, "acme")
    assert (origin.by, origin.at) == (SetBy.FILE, START + timedelta(seconds=60))
    assert await at.store.keys_not_by_file() == []


async def test_a_file_that_is_applied_again_writes_nothing() -> None:
    at = desk()
    text = '[plan.pro]\nmax_calls = 3\n[tenant.acme]\nname = "Acme"\nplan = "pro"\n'
    await at.apply(text)
    written = len(at.store.commits)
    await at.apply(text)
    assert len(at.store.commits) == written


async def test_origins_of_one_slug_tell_plan_and_tenant_apart() -> None:
    at = AccountsDesk([Plan("acme", limits=Limits(3))], [Tenant("acme", "acme")])
    await at.administration.suspend("acme", named("root"))
    assert await at.origins("acme", AccountKind.PLAN) == {}
    detail = await at.calls.tenant("acme")
    assert [one.key for one in detail.origins] == ["status"]


# --- the law --------------------------------------------------------------------------------------

STATES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["", "Acme"]),
        "mode": st.sampled_from(["log", "enforce"]),
        "status": st.sampled_from(["active", "suspended"]),
    },
)
WRITERS = st.lists(STATES | st.sampled_from(["suspend", "activate", "trial"]), max_size=8)


@given(WRITERS)
async def test_the_origin_of_a_key_is_whoever_changed_it_last_or_the_file_that_states_it(
    writers: list[dict[str, str] | str],
) -> None:
    at = desk(Tenant("acme", "free"))
    expected: dict[str, SetBy] = {}
    for writer in writers:
        before = at.registry.tenants["acme"]
        if isinstance(writer, dict):
            await at.apply(toml("tenant.acme", writer), reset=True)
            by, stated = SetBy.FILE, set(writer)
        else:
            by, stated = SetBy.COMMAND, set()
            try:
                if writer == "trial":
                    await at.administration.trial("acme", date(2027, 1, 1), named("root"))
                else:
                    await getattr(at.administration, writer)("acme", named("root"))
            except AdministrationError:
                continue
        after = at.registry.tenants["acme"]
        changed = {key for key in ("name", "mode") if getattr(before, key) != getattr(after, key)}
        lived = ("status", "blocks", "trial_until")
        if any(getattr(before, key) != getattr(after, key) for key in lived):
            changed.add("status")
        expected |= dict.fromkeys(changed | stated, by)
    found = await at.origins("acme")
    assert {key: found.get(key, SetBy.FILE) for key in expected} == expected
    assert set(found) <= set(expected)
