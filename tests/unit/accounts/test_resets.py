"""A file that only omits keys never silently opens a tenant or drops its calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.apply import ChangeKind
from pbxbilling.accounts.file_format import as_written, file_key
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import LIMIT_NAMES, Limits, Overage, Plan
from pbxbilling.config.accounts_file import PlanTable, TenantTable
from pbxbilling.kernel.codes import LegDirection, Mode
from tests.support.accounts.desk import AccountsDesk, resets, toml

BOTH_WAYS = frozenset(LegDirection)
PRO = Plan(
    "pro",
    "Pro",
    limits=Limits(5, 4, 3, 2, 1),
    count_internal=True,
    included_minutes=500,
    included_directions=BOTH_WAYS,
    overage=Overage.BLOCK,
)
ACME = Tenant(
    "acme",
    "pro",
    "Acme",
    mode=Mode.ENFORCE,
    limits={"max_calls": 8, "max_trunk_legs": None},
    accountcodes=("acme",),
    dids=("+15550100", "+15550101"),
    contexts=("from-acme",),
)
OF_PLANS = (*LIMIT_NAMES, "count_internal", "included_minutes", "included_directions", "overage")
OF_TENANTS = ("mode", *LIMIT_NAMES, "accountcodes", "dids", "contexts")


def desk() -> AccountsDesk:
    return AccountsDesk([PRO], [ACME])


def whole(record: Plan | Tenant, *left_out: str) -> str:
    """Return a file with every key of a plan or tenant that has a value, except these."""
    keys = PlanTable.model_fields if isinstance(record, Plan) else TenantTable.model_fields
    written = {
        key: value
        for key, value in as_written(record).items()
        if key in keys and key not in {"status", *left_out} and value not in (None, {}, [])
    }
    kind = "plan" if isinstance(record, Plan) else "tenant"
    return toml(f"{kind}.{record.slug}", written)


async def refused(text: str) -> dict[str, list[str]]:
    """Return the resets for which a file is refused; none of it is in force then."""
    at = desk()
    changes = await at.apply(text)
    assert (at.store.commits, at.facts) == ([], [])
    assert (at.registry.plans["pro"], at.registry.tenants["acme"]) == (PRO, ACME)
    return dict(resets(changes))


@pytest.mark.parametrize("key", OF_PLANS)
async def test_what_bounds_the_calls_of_a_plan_is_not_reset_by_leaving_it_out(key: str) -> None:
    assert await refused(whole(PRO, key)) == {"plan pro": [key]}


@pytest.mark.parametrize(
    "key", ["mode", "max_calls", "max_trunk_legs", "accountcodes", "dids", "contexts"]
)
async def test_what_bounds_or_finds_a_tenants_calls_is_not_reset_by_leaving_it_out(
    key: str,
) -> None:
    assert await refused(whole(ACME, key)) == {"tenant acme": [key]}


async def test_nothing_of_a_file_is_applied_that_resets_anything() -> None:
    other = '[plan.new]\n[tenant.new]\nplan = "new"\n' + whole(PRO) + whole(ACME, "dids")
    at = desk()
    await at.apply(other)
    assert (set(at.registry.plans), set(at.registry.tenants)) == ({"pro"}, {"acme"})


async def test_a_file_that_has_every_key_resets_nothing() -> None:
    at = desk()
    changes = await at.apply(whole(PRO) + whole(ACME))
    assert {change.kind for change in changes} == {ChangeKind.UNCHANGED}


async def test_a_reset_says_what_is_lost_and_what_is_there_instead() -> None:
    changes = await desk().apply("[plan.pro]\n[tenant.acme]\n")
    lost = {one.key: (one.before, one.after) for change in changes for one in change.resets}
    assert lost["overage"] == ("block", "bill")
    assert lost["max_calls"] == (8, None)
    assert lost["dids"] == (["+15550100", "+15550101"], [])
    assert lost["mode"] == ("enforce", None)


async def test_what_is_agreed_to_is_reset() -> None:
    at = desk()
    changes = await at.apply("[plan.pro]\n[tenant.acme]\n", reset=True)
    assert resets(changes) == {
        "plan pro": [*OF_PLANS],
        "tenant acme": ["mode", "max_calls", "max_trunk_legs", "accountcodes", "dids", "contexts"],
    }
    assert at.registry.plans["pro"] == Plan("pro")
    assert at.registry.tenants["acme"] == Tenant("acme", "pro")


async def test_a_dry_run_names_resets_and_writes_nothing_agreed_or_not() -> None:
    for agreed in (False, True):
        at = desk()
        changes = await at.apply("[tenant.acme]\n", dry_run=True, reset=agreed)
        assert "dids" in resets(changes)["tenant acme"]
        assert at.store.commits == []


async def test_what_is_emptied_in_writing_is_no_reset() -> None:
    at = desk()
    text = whole(ACME, "dids", "max_calls") + "dids = []\nmax_calls = -1\n"
    assert resets(await at.apply(text)) == {}
    assert at.registry.tenants["acme"].dids == ()
    assert at.registry.tenants["acme"].limits["max_calls"] is None
    text = whole(PRO, "max_calls", "overage") + 'max_calls = -1\noverage = "bill"\n'
    assert resets(await at.apply(text)) == {}
    assert at.registry.plans["pro"].limits.max_calls is None


async def test_one_number_less_in_writing_is_no_reset() -> None:
    at = desk()
    assert resets(await at.apply(whole(ACME, "dids") + 'dids = ["+15550101"]\n')) == {}
    assert at.registry.tenants["acme"].dids == ("+15550101",)


async def test_a_number_moves_to_another_tenant_when_both_say_so() -> None:
    taker = '[tenant.globex]\nplan = "pro"\ndids = ["+15550100", "+15550101"]\n'
    assert await refused(whole(ACME, "dids") + taker) == {"tenant acme": ["dids"]}
    at = desk()
    assert resets(await at.apply(whole(ACME, "dids") + "dids = []\n" + taker)) == {}
    assert (at.registry.tenants["acme"].dids, at.registry.tenants["globex"].dids) == ((), ACME.dids)


async def test_what_is_new_or_was_at_its_default_has_nothing_to_lose() -> None:
    at = AccountsDesk([Plan("pro")], [Tenant("acme", "pro")])
    text = '[plan.pro]\nname = "Pro"\n[plan.new]\n[tenant.acme]\n[tenant.new]\nplan = "new"\n'
    assert resets(await at.apply(text)) == {}
    assert set(at.registry.tenants) == {"acme", "new"}


async def test_a_price_that_is_left_out_is_a_change_like_any_other() -> None:
    at = AccountsDesk([replace(PRO, price_per_call_micros=5)])
    (change,) = await at.apply(whole(PRO))
    assert [(one.key, one.reset) for one in change.fields] == [("price_per_call", False)]


# --- the same for a spreadsheet -------------------------------------------------------------------


async def test_a_column_that_is_not_there_resets_nothing() -> None:
    at = desk()
    (change,) = await at.load("tenant,name\nacme,Acme Inc.\n")
    assert resets([change]) == {}
    assert at.registry.tenants["acme"] == replace(ACME, name="Acme Inc.")


@pytest.mark.parametrize(
    ("key", "cell"),
    [
        *((key, "") for key in ("mode", "max_calls", "accountcodes", "dids", "contexts")),
        *((key, " ") for key in ("accountcodes", "dids", "contexts")),
    ],
)
async def test_an_empty_cell_resets_nothing_in_silence(key: str, cell: str) -> None:
    at = desk()
    text = f"tenant,{key},name\nacme,{cell},Acme Inc.\n"
    assert resets(await at.load(text)) == {"tenant acme": [key]}
    assert at.registry.tenants["acme"] == ACME
    await at.load(text, reset=True)
    assert as_written(at.registry.tenants["acme"])[key] in (None, [])


async def test_a_cell_of_a_semicolon_alone_is_a_list_that_was_emptied() -> None:
    at = desk()
    assert resets(await at.load('tenant,dids\nacme,";"\n')) == {}
    assert at.registry.tenants["acme"] == replace(ACME, dids=())


# --- laws -----------------------------------------------------------------------------------------

COUNTS = st.none() | st.integers(0, 3)
PLANS = st.builds(
    Plan,
    slug=st.just("pro"),
    name=st.sampled_from(["", "Pro"]),
    limits=st.builds(Limits, *[COUNTS] * len(LIMIT_NAMES)),
    count_internal=st.booleans(),
    included_minutes=st.sampled_from([None, 0, 500]),
    included_directions=st.sets(st.sampled_from(LegDirection)).map(frozenset),
    overage=st.sampled_from(Overage),
)
ITEMS = st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2).map(tuple)
TENANTS = st.builds(
    Tenant,
    slug=st.just("acme"),
    plan=st.just("pro"),
    name=st.sampled_from(["", "Acme"]),
    mode=st.none() | st.sampled_from(Mode),
    limits=st.dictionaries(st.sampled_from(LIMIT_NAMES), COUNTS),
    accountcodes=ITEMS,
    dids=st.lists(st.sampled_from(["1", "+2"]), unique=True, max_size=2).map(tuple),
    contexts=ITEMS,
)

RECORDS: dict[str, st.SearchStrategy[Plan | Tenant]] = {"plan": PLANS, "tenant": TENANTS}


def guards(record: Plan | Tenant) -> dict[str, Any]:
    keys = OF_PLANS if isinstance(record, Plan) else OF_TENANTS
    return {key: value for key, value in as_written(record).items() if key in keys}


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, set[str]]]:
    """A file with some keys of the plan and of the tenant; and which keys."""
    text, said = "", {}
    for kind, records in RECORDS.items():
        record = draw(records)
        sayable = {key: value for key, value in guards(record).items() if value is not None}
        keys = draw(st.sets(st.sampled_from(sorted({*sayable, "name"}))))
        text += toml(
            f"{kind}.{record.slug}", {key: {**sayable, "name": record.name}[key] for key in keys}
        )
        said[kind] = keys
    return text, said


def in_force(at: AccountsDesk) -> dict[str, Plan | Tenant]:
    return {"plan": at.registry.plans["pro"], "tenant": at.registry.tenants["acme"]}


@given(plan=PLANS, tenant=TENANTS, file=files())
async def test_what_a_file_does_not_say_stays_or_is_named_and_agreed_to(
    plan: Plan, tenant: Tenant, file: tuple[str, dict[str, set[str]]]
) -> None:
    text, said = file
    at, agreed = AccountsDesk([plan], [tenant]), AccountsDesk([plan], [tenant])
    before = in_force(at)
    named = resets(await at.apply(text))
    if named:
        assert (in_force(at), at.store.commits) == (before, [])
    await agreed.apply(text, reset=True)
    for kind, record in before.items():
        was, now = guards(record), guards(in_force(agreed)[kind])
        lost = {key for key in was.keys() - said[kind] if was[key] != now[key]}
        assert set(named.get(f"{kind} {record.slug}", ())) == lost
    if not named:
        assert in_force(at) == in_force(agreed)


def test_every_key_that_is_guarded_or_kept_is_one_of_the_accounts_file() -> None:
    for record, table in ((PRO, PlanTable), (ACME, TenantTable)):
        keys = {file_key(key) for key in as_written(record)} - {""}
        assert keys == set(table.model_fields)
        assert set(guards(record)) <= keys
