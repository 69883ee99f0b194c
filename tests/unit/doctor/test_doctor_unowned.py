"""Who has no tenant is shown as lines that the accounts file takes."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pbxbilling.config.sections import PbxSettings
from pbxbilling.doctor.check import Result
from pbxbilling.doctor.unowned import toml_list, unknown_tenants, unowned


def heard(hooks: int = 0, legs: int = 0, **values: list[str]) -> dict[str, Any]:
    own = {"hooks": hooks, "hooks_of_a_day": hooks, "accountcodes": [], "dids": []} | values
    return {"unowned_legs": legs, "unowned": own}


def test_all_is_well_where_every_hook_has_a_tenant() -> None:
    assert unowned(heard()).result is Result.OK
    assert unowned(heard(legs=5)).result is Result.OK, "of earlier days: status lists them"
    assert unowned(heard(dids=["+4930"])).result is Result.WARN


def test_codes_and_dids_are_lines_to_paste() -> None:
    check = unowned(heard(3, 1, accountcodes=["2001", 'a"b'], dids=["+4930123456"]))
    assert check.result is Result.WARN
    assert check.found.startswith(
        "3 hooks of the last day had no tenant, and 1 answered trunk legs"
    )
    _, *lines = check.mend.splitlines()
    assert lines == ['accountcodes = ["2001", "a\\"b"]', 'dids = ["+4930123456"]']


def test_without_any_mark_it_says_where_one_can_come_from() -> None:
    check = unowned(heard(3))
    assert "account code" in check.mend
    assert "[[pbx]]" in check.mend


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_a_line_is_read_back_the_same(values: list[str]) -> None:
    assert tomllib.loads(f"dids = {toml_list(values)}")["dids"] == values


def test_the_tenant_of_a_pbx_has_to_exist() -> None:
    pbxes = [
        PbxSettings(name=name, host="h", username="u", secret=SecretStr("s"), tenant=tenant)
        for name, tenant in (("one", "acme"), ("two", "acne"), ("three", None))
    ]
    ((pbx, sentence),) = unknown_tenants(pbxes, {"acme"})
    assert pbx == "two"
    assert sentence.startswith('tenant = "acne": no tenant has that slug')
