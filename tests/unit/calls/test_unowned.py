"""What nobody's hooks and legs were known by: bounded, clean, and only what no tenant has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.live.facts import LegAnswered
from pbxbilling.calls.unowned import MOST, UnownedCalls
from pbxbilling.calls.views import UnownedView
from pbxbilling.kernel.codes import Direction, Mode
from tests.support.calls.world import World, plan

IN = Direction.INBOUND


class Watched(World):
    """A world whose facts reach the sink."""

    def __init__(self) -> None:
        super().__init__(Mode.OFF, plan())
        self.unowned = UnownedCalls(self.ledger, self.in_force, self.trust, self.clock)

    def asks(self, uniqueid: str = "1", **request: Any) -> None:
        name = request.pop("name", "PJSIP/phone-1")
        self.admission.judge(HookRequest(uniqueid, name, **{"pbx": "pbx1"} | request))

    def view(self) -> UnownedView:
        for fact in self.facts:
            self.unowned.sink(fact)
        self.facts.clear()
        return self.unowned.view()


def test_a_hook_without_a_tenant_is_counted_and_known_by_its_code_or_did() -> None:
    world = Watched()
    world.asks(accountcode="2001", number="0155501")
    world.asks(tenant="acme", accountcode="2001")
    world.asks("2", direction=IN, number="+4930123456", name="PJSIP/carrier-2")
    world.asks("3", direction=IN, number="004930123456", name="PJSIP/carrier-3")
    world.asks("4", direction=IN, number="s", name="PJSIP/carrier-4")
    assert world.view() == UnownedView(4, 4, ("2001",), ("+4930123456",))


def test_a_leg_without_a_hook_is_known_by_its_calls_codes_or_its_did() -> None:
    world = Watched()
    phone = world.seen("1")._replace(accountcode="2002")
    leg = world.seen("2", "PJSIP/carrier-2", state=0)
    world.dials(phone, leg)
    world.answers(leg)
    came = world.seen("3", "PJSIP/carrier-3")._replace(exten="+4930777")
    world.born(came)
    world.answers(came)
    assert world.view() == UnownedView(0, 0, ("2002",), ("+4930777",))


def test_what_a_tenant_has_by_now_is_left_out() -> None:
    world = Watched()
    world.asks(accountcode="2001")
    world.asks("2", direction=IN, number="+4930123456", name="PJSIP/carrier-2")
    world.view()
    world.in_force.registry.put_tenant(
        Tenant("new", "plan", accountcodes=("2001",), dids=("4930123456",))
    )
    assert world.view() == UnownedView(2, 2)


def test_a_day_later_it_is_forgotten() -> None:
    world = Watched()
    world.asks(accountcode="2001")
    assert world.view().hooks_of_a_day == 1
    world.clock.passed_s += 26 * 3600
    world.asks("2", accountcode="2002")
    assert world.view() == UnownedView(2, 1, ("2002",))


def test_the_doctors_own_hook_and_one_that_was_not_read_do_not_count() -> None:
    world = Watched()
    world.asks(pbx="doctor?")
    world.admission.by_policy(HookRequest("1", "PJSIP/phone-1"))
    world.admission.malformed(HookRequest("1", "PJSIP/phone-1"))
    assert world.view() == UnownedView()


@given(st.lists(st.text(max_size=90), max_size=300))
def test_whatever_is_heard_is_bounded_and_printable(codes: list[str]) -> None:
    world = Watched()
    for number, code in enumerate(codes):
        world.asks(str(number), accountcode=code)
    heard = world.view().accountcodes
    assert len(heard) <= MOST
    assert all(code.isprintable() and 0 < len(code) <= 80 for code in heard)


def test_a_flood_of_numbers_does_not_hide_what_is_heard_often() -> None:
    world = Watched()
    for _ in range(3):
        world.asks("1", direction=IN, number="+4930123456", name="PJSIP/carrier-1")
    for number in range(3 * MOST):
        world.asks(f"9{number}", direction=IN, number=f"+49301{number:06}", name="PJSIP/carrier-9")
    heard = world.view().dids
    assert (len(heard), heard[0]) == (MOST, "+4930123456")


# --- a PBX that is one tenant's -------------------------------------------------------------------


def of_one_tenant() -> Watched:
    world = Watched()
    world.in_force.policy = Policy(mode=Mode.OFF, tenants_of_pbxes={"pbx1": "acme"})
    world.in_force.registry.put_tenant(Tenant("globex", "plan", accountcodes=("globex",)))
    return world


@pytest.mark.parametrize("direction", Direction)
def test_who_is_unknown_on_a_pbx_of_one_tenant_is_its(direction: Direction) -> None:
    world = of_one_tenant()
    assert world.hook("1", "", direction, number="+4930").tenant == "acme"
    assert world.hook("2", "nobody", direction, number="+4930").tenant == "acme"
    assert world.hook("3", "", direction, accountcode="globex", number="+4930").tenant == "globex"
    assert world.hook("4", "", direction, pbx="pbx2", number="+4930").tenant == ""
    policy = replace(world.in_force.policy, tenants_of_pbxes={"pbx1": "gone"})
    world.in_force.policy = policy
    assert world.hook("5", "", direction, number="+4930").tenant == "", "no tenant has that slug"


@pytest.mark.parametrize("pbx", ["pbx1", "pbx2"])
def test_its_legs_without_a_hook_are_its_too(pbx: str) -> None:
    world = of_one_tenant()
    phone, leg = world.seen("1", pbx=pbx), world.seen("2", "PJSIP/carrier-2", pbx=pbx, state=0)
    world.dials(phone, leg)
    world.answers(leg)
    (answered,) = (fact.leg for fact in world.facts if isinstance(fact, LegAnswered))
    assert answered.tenant == ("acme" if pbx == "pbx1" else None)


def test_a_hook_that_is_not_judged_is_its_as_well() -> None:
    world = of_one_tenant()
    request = HookRequest("1", "PJSIP/phone-1", direction=None, pbx="pbx1")
    assert world.admission.judge(request).tenant == "acme"
