"""Each import contract is broken by an import that it forbids, and by no other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.house.build import ROOT

# One line each that the contract of this name must find, in the file that it is written into.
BREACHES = {
    "Imports run down: what people start, adapters, subjects, the ground": (
        "catalog/plan.py",
        "import pbxbilling.subscriptions.follow",
    ),
    "Within calls: recovery stands on tracking, all on the ledger of live calls": (
        "calls/live/trust.py",
        "import pbxbilling.calls.metering.meter",
    ),
    "Within billing: statements stand on rating, rating on periods": (
        "billing/rating/tariff.py",
        "import pbxbilling.billing.statements.close",
    ),
    "No I/O in a subject, and no library": ("privacy/purge.py", "import asyncio"),
    "gateways.stripe alone knows Stripe's library": ("web/public.py", "import stripe"),
}
ADAPTERS = ("telemetry/notify.py", "import pbxbilling.mqtt.pace")


def contracts() -> list[str]:
    linted = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [contract["name"] for contract in linted["contracts"]]


def broken_by(place: Path, *breaches: tuple[str, str]) -> set[str]:
    """Return the contracts that a copy of the sources breaks with these lines in it."""
    shutil.copytree(ROOT / "src", place / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    for file, line in breaches:
        path = place / "src" / "pbxbilling" / file
        path.write_text(f"{path.read_text()}\n{line}\n")
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.findall(r"^(.+) (KEPT|BROKEN)", ran.stdout, re.MULTILINE)
    assert {name for name, _ in said} == set(contracts()), ran.stdout + ran.stderr
    return {name for name, outcome in said if outcome == "BROKEN"}


def test_every_contract_is_named_here() -> None:
    assert contracts() == list(BREACHES)


@pytest.mark.parametrize("name", BREACHES)
def test_a_contract_finds_what_it_forbids(name: str, tmp_path: Path) -> None:
    assert broken_by(tmp_path, BREACHES[name]) == {name}


def test_adapters_know_nothing_of_one_another(tmp_path: Path) -> None:
    layers, *_ = contracts()
    assert broken_by(tmp_path, ADAPTERS) == {layers}
