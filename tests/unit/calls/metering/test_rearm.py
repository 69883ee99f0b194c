"""The effect of changed accounts on live calls."""

from __future__ import annotations

import pytest

from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.kernel.codes import Mode
from tests.support.calls.world import World


def talking(*tenants: str) -> World:
    """Return a world where every tenant has one live leg on a hard allowance of a minute."""
    hard = Plan("plan", included_minutes=1, overage=Overage.BLOCK)
    world = World(Mode.ENFORCE, hard, tenants)
    for number, tenant in enumerate(tenants):
        leg = world.seen(f"{number}", f"PJSIP/carrier-{number}", state=0)
        world.hook(f"a{number}", tenant)
        world.dials(world.seen(f"a{number}"), leg)
        world.answers(leg)
    world.cuts.clear()
    return world


@pytest.mark.parametrize(
    ("kind", "slug", "cut"),
    [
        (SubjectKind.TENANT, "globex", ["globex"]),
        (SubjectKind.TENANT, "unknown", []),
        (SubjectKind.PLAN, "plan", ["acme", "globex"]),
        (SubjectKind.LEG, "pbx1:1", ["acme", "globex"]),
    ],
)
def test_a_change_orders_the_cuts_anew_of_whom_it_concerns(
    kind: SubjectKind, slug: str, cut: list[str]
) -> None:
    world = talking("acme", "globex")
    world.cutter.sink(AccountsChanged(world.clock.now(), "root", "apply", kind, slug))
    assert sorted(leg.call.tenant or "" for leg, _ in world.cuts if leg.call) == cut
