"""Tenants exported as a CSV file and back: nothing lost, nothing a spreadsheet would calculate."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbxbilling.accounts.apply import AccountsError, Change, ChangeKind, plan_changes
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.catalog.plan import LIMIT_NAMES, Plan
from pbxbilling.config.accounts_file import TenantTable
from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.tenants_csv import COLUMNS, read_tenants, write_tenants
from pbxbilling.kernel.codes import Mode
from pbxbilling.runtime.csv_cells import guarded, joined, parted, unguarded
from tests.support.kernel.spellings import listed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CELL = "=+-@';,\"\\ a"  # what a file of cells takes for its own
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12),
    st.text(CELL, max_size=8),
)
LINES = st.lists(NAMES, max_size=3).map("\n".join)
PRINTED = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=12),
    st.text(CELL, max_size=8),
)
ITEMS = st.lists(PRINTED.map(str.strip).filter(bool), max_size=3).map(tuple)
SLUGS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
LIMITS = st.dictionaries(st.sampled_from(LIMIT_NAMES), st.none() | st.integers(0, 9))
TENANTS = st.builds(
    Tenant,
    slug=SLUGS,
    plan=st.just("pro"),
    name=NAMES,
    email=NAMES,
    address=LINES,
    contacts=ITEMS,
    vat_id=NAMES,
    tax_exempt=st.booleans(),
    mode=st.none() | st.sampled_from(Mode),
    limits=LIMITS,
    contexts=ITEMS,
    accountcodes=ITEMS,
    dids=st.lists(listed(), max_size=3).map(tuple),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    anchor_day=st.integers(1, 31),
    demo=st.booleans(),
    usage_collection=st.sampled_from(CollectionMethod).map(UsageCollection),
    extensions=st.integers(0, 10**6),
)
LIVED = Tenant(
    "acme",
    "pro",
    name="Acme",
    status=Status.TRIAL,
    blocks=frozenset({Blocker.OPERATOR}),
    trial_until=NOW,
    limits={"max_calls": 8, "max_trunk_legs": None},
    dids=("+15550100", "+15550101"),
    customer="cus_1",
)


def imported(text: str, *known: Tenant) -> list[Change]:
    registry = Registry([Plan("pro"), Plan("free")], known)
    return plan_changes(registry, read_tenants(text, "t.csv"), NOW, Policy())


def faults(text: str) -> list[Fault]:
    with pytest.raises(ConfigError) as told:
        read_tenants(text, "t.csv")
    return list(told.value.faults)


@given(st.lists(TENANTS, max_size=4, unique_by=lambda tenant: tenant.slug))
def test_what_is_exported_is_read_back_the_same(tenants: list[Tenant]) -> None:
    assert list(read_tenants(write_tenants(tenants), "t.csv").tenants) == tenants


@given(st.text())
@example("'=1")
@example("''")
@example("'")
def test_no_cell_is_a_formula_and_each_is_read_back_the_same(text: str) -> None:
    assert not guarded(text).startswith(tuple("=+-@\t\r"))
    assert unguarded(guarded(text)) == text


@given(ITEMS)
@example(("a;b", "c\\", "\\;"))
def test_many_values_are_one_cell_and_back(items: tuple[str, ...]) -> None:
    assert tuple(parted(joined(items))) == items


def test_a_cell_is_read_as_people_write_it() -> None:
    assert parted(" a ; DOMAIN\\b;; ;c") == ["a", "DOMAIN\\b", "c"]
    assert unguarded("'s-Hertogenbosch") == "'s-Hertogenbosch"


def test_importing_an_export_changes_nothing_at_all() -> None:
    tenants = [LIVED, Tenant("globex", "free", status=Status.CANCELLED)]
    changes = imported(write_tenants(tenants), *tenants)
    assert [change.after for change in changes] == tenants
    assert {change.kind for change in changes} == {ChangeKind.UNCHANGED}


def test_every_key_that_can_be_written_has_its_column_and_what_is_lived_has_none() -> None:
    assert set(COLUMNS) == {"tenant", *TenantTable.model_fields} - {"status"}


def test_a_key_without_a_column_stays_and_an_empty_cell_is_the_default() -> None:
    (change,) = imported("tenant,name,max_calls\r\nacme,,3\r\n", LIVED)
    limits = {"max_calls": 3, "max_trunk_legs": None}
    assert change.after == replace(LIVED, name="", limits=limits)
    (change,) = imported("tenant,max_trunk_legs,dids\nacme,,\n", LIVED)
    assert change.after == replace(LIVED, limits={"max_calls": 8}, dids=())


def test_a_new_tenant_is_made_of_its_row() -> None:
    (change,) = imported("tenant,plan,status,demo,max_calls\nnew,free,trial,TRUE,-1\n")
    assert change.kind is ChangeKind.ADDED
    new = change.after
    assert isinstance(new, Tenant)
    assert (new.plan, new.status, new.demo) == ("free", Status.TRIAL, True)
    assert new.limits == {"max_calls": None}


def test_a_tenant_whose_row_has_no_plan_keeps_its_own_and_a_new_one_gets_the_default() -> None:
    acme, new = imported("tenant,plan\nacme,\nnew,\n", LIVED)
    assert isinstance(new.after, Tenant)
    assert (acme.kind, new.after.plan) == (ChangeKind.UNCHANGED, "free")


def test_what_contradicts_the_accounts_is_told_with_its_line_and_column() -> None:
    text = 'tenant,plan,address,dids\nother,free,"two\nlines",\nnew,gold,,+15550100\n'
    with pytest.raises(AccountsError) as told:
        imported(text, LIVED)
    plan, claim = told.value.problems
    assert plan.startswith("t.csv:4: tenant new: plan: 'gold' is unknown (known: free, pro)")
    assert claim.startswith("t.csv:4: tenant new: dids: '+15550100' is claimed by tenant acme")


@pytest.mark.parametrize(
    ("rows", "line", "column", "says"),
    [
        ("", 1, "", "the file is empty"),
        ("name,plan\n", 1, "", 'there is no column "tenant"'),
        ("tenant,emial\n", 1, "emial", 'did you mean "email"?'),
        ("tenant,plan,plan\n", 1, "plan", "twice"),
        ('tenant,address\na,"A\n\nB"\nb\n', 5, "", "1 cells under 2 columns"),
        ("tenant\nA B\n", 2, "tenant", "up to 64 small letters"),
        ("tenant,plan\n,pro\n", 2, "tenant", "required"),
        ("tenant\na\nb\na\n", 4, "tenant", "a is on line 2 already"),
        ("tenant,max_calls\na,five\n", 2, "max_calls", 'expected a whole number, got "five"'),
        ("tenant,anchor_day\na,32\n", 2, "anchor_day", "less than or equal to 31"),
        ("tenant,demo\na,maybe\n", 2, "demo", 'expected true or false, got "maybe"'),
        ("tenant,timezone\na,Mars\n", 2, "timezone", "expected an IANA time zone"),
        ("tenant,mode\na,loud\n", 2, "mode", "enforce"),
        ("tenant,dids\na,1;sales\n", 2, "dids", 'as "+4930123456", got "sales"'),
        ('tenant,name\na,"b"c\n', 2, "", "not valid CSV"),
        ('tenant,name\na,b\nc,"d\n', 3, "", "not valid CSV"),
    ],
)
def test_a_fault_names_its_line_its_column_and_the_fix(
    rows: str, line: int, column: str, says: str
) -> None:
    (fault,) = faults(rows)
    assert (fault.source, fault.line, fault.key) == ("t.csv", line, column)
    assert says in fault.message


def test_all_faults_are_reported_at_once() -> None:
    assert len(faults("tenant,max_calls,demo\na,x,y\nb,1,no\nc,z,no\n")) == 3


def test_semicolons_between_columns_and_blank_lines_are_read() -> None:
    text = 'tenant;plan;dids\r\nacme;pro;"+1;+2"\r\n;;\r\n\r\n'
    (tenant,) = read_tenants(text, "t.csv").tenants
    assert tenant.dids == ("+1", "+2")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_anywhere(end: str) -> None:
    (tenant,) = read_tenants(f"tenant,name{end}acme,Acme{end}", "t.csv").tenants
    assert tenant.name == "Acme"


def test_a_spreadsheet_sees_no_formula_anywhere() -> None:
    hostile = replace(LIVED, name='=HYPERLINK("http://x")', email="@x", address="\t=1", vat_id="-1")
    header, row = csv.reader(StringIO(write_tenants([hostile]), newline=""))
    assert len(header) == len(row)
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]
