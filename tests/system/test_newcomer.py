"""The pages' commands, cut out and run as they stand, in a fresh machine beside a PBX."""

from __future__ import annotations

import pytest

from rig import newcomer, provision

pytestmark = [pytest.mark.system, pytest.mark.asterisk, pytest.mark.soak]


@pytest.mark.parametrize("checkout", [False, True], ids=["package", "checkout"])
@pytest.mark.parametrize("kind", newcomer.KINDS)
def test_a_newcomer_refuses_the_first_call_by_the_words_of_the_pages_alone(
    kind: str, checkout: bool
) -> None:
    try:
        diary = newcomer.visit(kind, checkout=checkout)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no booted Debian: {reason}")
    assert f"status {newcomer.REFUSED}" in "\n".join(what for _, what in diary.steps)
