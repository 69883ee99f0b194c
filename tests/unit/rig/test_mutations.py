"""Mutations of a copy of the sources make the tests fail that must detect them."""

from __future__ import annotations

import pytest

from rig.mutations import MUTATIONS, Mutation, failing, home_of


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_stands_in_one_place_and_names_who_sees_it(mutation: Mutation) -> None:
    assert home_of(mutation).suffix == ".py"
    assert mutation.seen_by


@pytest.mark.soak
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_is_seen(mutation: Mutation) -> None:
    assert failing(mutation) == set(mutation.seen_by)
