"""Every fact has one row, and a row says no less than it must."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pbxbilling.kernel.facts import Fact
from pbxbilling.telemetry.facts.counts import Counts
from pbxbilling.telemetry.facts.table import ROWS, TABLE, counters_of_facts
from tests.support.house.build import ROOT
from tests.support.kernel.leaves import leaves
from tests.support.telemetry.facts import one_of_each

SUBJECTS = sorted((ROOT / "src/pbxbilling/telemetry/facts/rows").glob("[a-z]*.py"))


def test_every_fact_has_a_row() -> None:
    assert {fact.__name__ for fact in leaves(Fact) - TABLE.keys()} == set()


def test_no_fact_has_two_rows_and_nothing_else_has_one() -> None:
    assert len(ROWS) == len(TABLE)
    assert TABLE.keys() <= leaves(Fact)


def test_no_two_counters_have_one_name() -> None:
    names = [spec.name for spec in counters_of_facts()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("fact", one_of_each(), ids=lambda fact: type(fact).__name__)
def test_a_row_names_every_counter_that_it_adds_to(fact: Fact) -> None:
    counter = TABLE[type(fact)].counter
    if counter is not None:
        counter.rule(fact, Counts(counter.specs, 1))


@pytest.mark.parametrize("path", SUBJECTS, ids=lambda path: path.name)
def test_the_rows_of_a_subject_have_no_annotation(path: Path) -> None:
    """With `tuple[Row[Any], ...]` mypy would take every fact in a row's lambdas for Any."""
    assigned = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "ROWS" in ast.unparse(node)[:4]
    ]
    assert [type(node) for node in assigned] == [ast.Assign]
