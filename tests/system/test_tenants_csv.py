"""A thousand tenants are imported and exported by a running daemon while it judges calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.waiting import patience_s
from tests.support.daemon.virtual_site import VirtualSite

pytestmark = pytest.mark.system

ACCOUNTS = """
[plan.small]
max_calls = 1
[plan.large]
max_calls = 9
[tenant.acme]
plan = "large"
"""
A_FEW_S = 5.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path) as site:
        site.start()
        site.apply(ACCOUNTS)
        yield site


def test_a_thousand_tenants_are_imported_at_once_and_exported_as_they_were(
    site: VirtualSite, tmp_path: Path
) -> None:
    file, again = tmp_path / "tenants.csv", tmp_path / "again.csv"
    rows = (f"t{number:04},small,Tenant {number},+1555{number:06}" for number in range(1000))
    file.write_text("tenant,plan,name,dids\n" + "\n".join(rows) + "\n")
    site.call("acme", talk_s=60)
    site.up(1)
    began = time.monotonic()
    told = site.says("tenants", "import", str(file))
    took_s = time.monotonic() - began
    assert told.endswith("1000 tenants: 1000 added, 0 changed, 0 unchanged\n")
    assert took_s < patience_s(A_FEW_S)
    assert site.call("t0999", endpoint="phone", talk_s=0.1).result(patience_s(10)).admitted
    site.says("tenants", "export", str(again))
    assert site.says("tenants", "import", str(again)).endswith(
        "0 added, 0 changed, 1001 unchanged\n"
    )
    assert len(site.json("tenants")) == 1001


def test_an_import_moves_a_tenant_in_force_for_its_next_call(
    site: VirtualSite, tmp_path: Path
) -> None:
    file = tmp_path / "tenants.csv"
    file.write_text("tenant;plan\nacme;small\n")
    site.call("acme", talk_s=60)
    site.up(1)
    assert "plan: large → small" in site.says("tenants", "import", str(file), "--dry-run")
    assert "plan: large → small" in site.says("tenants", "import", str(file))
    assert not site.call("acme").result(patience_s(10)).admitted


def test_a_file_with_a_fault_changes_nothing_and_says_where(
    site: VirtualSite, tmp_path: Path
) -> None:
    file = tmp_path / "tenants.csv"
    file.write_text("tenant,plan,mode\nnew,small,log\nother,small,loud\nthird,gold,\n")
    assert f"{file}:3: mode: expected" in site.fails("tenants", "import", str(file))
    file.write_text("tenant,plan\nnew,small\nthird,gold\n")
    assert f"{file}:3: tenant third: plan: 'gold'" in site.fails("tenants", "import", str(file))
    assert [one["tenant"] for one in site.json("tenants")] == ["acme"]
