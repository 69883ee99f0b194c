"""Recipes of the package by themselves: who is named as the tenant, and who is called at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pbxbilling.setup.recipes import recipe
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.hook import Environment, Hook, refuse
from rig.leg import Leg
from rig.scene import MOBILE, Scene
from rig.waiting import until

pytestmark = pytest.mark.asterisk


class Place:
    """A PBX with a recipe of the page in its dialplan, and a stand-in for the daemon."""

    def __init__(self, asterisk: Asterisk, stack: ExitStack) -> None:
        self.asterisk = asterisk
        self.scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        self.hook = stack.enter_context(Hook())
        self.carrier = self.scene.carrier()
        self.phone = self.scene.phone("acme")

    def load(self, dialplan: str) -> None:
        """Load more dialplan, and let its hooks ask us."""
        self.asterisk.add_dialplan(dialplan)
        self.asterisk.set_global("PBXBILLING_HOOK", self.hook.address)

    def asked(self, count: int = 1) -> list[tuple[str, str, str]]:
        """Return direction, tenant and number of the hooks so far."""
        until(lambda: len(self.hook.requests) >= count, f"{count} hooks are asked")
        return [_what(request) for request in self.hook.requests]

    def call(self, number: str) -> Leg:
        """Call from acme's phone; return when it is answered or over."""
        leg = self.phone.call(number)
        self.phone.await_change(lambda: leg.state in {"up", "ended"}, f"{leg} is answered", 10)
        return leg


def _what(request: Environment) -> tuple[str, str, str]:
    return request["network_script"], request["arg_1"], request["arg_3"]


@pytest.fixture
def each_place(each_asterisk: Asterisk) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(each_asterisk, stack)


@pytest.mark.parametrize("tenant", ["acme", "acme-west"])
def test_a_context_that_includes_the_outside_names_its_own_tenant(
    each_place: Place, tenant: str
) -> None:
    text = recipe("plain", TENANT=["acme", "acme-west"], TRUNK="carrier")
    each_place.load(f"exten => *80,1,Goto({tenant}-internal,{MOBILE},1)\n{text}")
    assert each_place.call("*80").status == 200
    assert each_place.asked() == [("outbound", tenant, MOBILE)]


def _call_back(place: Place, extension: str) -> None:
    place.scene.ami.action(
        "Originate",
        Channel=f"Local/{MOBILE}@acme-callback",
        Context="from-acme",
        Exten=extension,
        Priority="1",
        Async="true",
    )


def test_a_program_may_call_the_outside_first_and_the_hook_names_the_tenant(
    each_place: Place,
) -> None:
    each_place.load(recipe("callback", TENANT="acme", TRUNK="carrier"))
    phone = each_place.scene.phone("acme", 2, answers=True)
    _call_back(each_place, phone.here.extension)
    phone.wait_incoming().wait("up")
    assert each_place.asked()[0] == ("outbound", "acme", MOBILE)
    assert [leg.number for leg in each_place.carrier.incoming] == [MOBILE]


def test_a_refused_program_that_dials_outside_first_reaches_no_one(each_place: Place) -> None:
    each_place.load(recipe("callback", TENANT="acme", TRUNK="carrier"))
    each_place.hook.verdict = refuse
    phone = each_place.scene.phone("acme", 2, answers=True)
    _call_back(each_place, phone.here.extension)
    assert each_place.asked() == [("outbound", "acme", MOBILE)]
    each_place.asterisk.wait_idle()
    assert not each_place.carrier.incoming
    assert not phone.incoming
