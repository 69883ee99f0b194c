"""The recipes of docs/guides/dialplans.md, verbatim, in small frames written here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.hook import Environment, Hook, refuse
from rig.leg import Leg
from rig.scene import MOBILE, Scene
from rig.waiting import until
from tests.support.docs.pages import blocks

pytestmark = pytest.mark.asterisk

PAGE = "docs/guides/dialplans.md"
DID = "+15550100"

BY_HAND = """
exten => *80,1,Goto({context},{number},1)
"""
WAZO = """
exten => *81,1,Set(WAZO_TENANT_UUID=acme)
 same => n,Set(XIVO_BASE_EXTEN={number})
 same => n,Gosub(xivo-subrgbl-outcall,s,1)
 same => n,Dial(PJSIP/9{number}@carrier)
 same => n,Hangup()
exten => {did},1,Set(WAZO_TENANT_UUID=acme)
 same => n,Set(XIVO_BASE_EXTEN=${{EXTEN}})
 same => n,Gosub(xivo-subrgbl-did,s,1)
 same => n,Dial(PJSIP/acme2)
"""
MIKO = """
exten => *82,1,Goto(outgoing,{number},1)
exten => {did},1,Goto(SIP-PROVIDER-incoming,${{EXTEN}},1)
[outgoing]
exten => _X!,1,Gosub(SIP-PROVIDER-1-outgoing,${{EXTEN}},1)
[SIP-PROVIDER-1-outgoing]
exten => _X!,1,Set(number=9${{EXTEN}})
 same => n,Gosub(all-outgoing-custom,${{EXTEN}},1)
 same => n,Dial(PJSIP/${{number}}@carrier)
 same => n,Return()
[SIP-PROVIDER-incoming]
exten => _[+0-9]!,1,Set(__FROM_DID=${{EXTEN}})
 same => n,Gosub(${{CONTEXT}}-custom,${{EXTEN}},1)
 same => n,Dial(PJSIP/acme2)
"""


class Place:
    """A PBX with a recipe of the page in its dialplan, and a stand-in for the daemon."""

    def __init__(self, asterisk: Asterisk, stack: ExitStack) -> None:
        self.asterisk = asterisk
        self.scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        self.hook = stack.enter_context(Hook())
        self.carrier = self.scene.carrier()
        self.phone = self.scene.phone("acme")

    def load(self, heading: str, frame: str = "", number: str = MOBILE) -> None:
        """Load the page's blocks, in a frame that reaches them."""
        recipe = "".join(text for text in blocks(PAGE, heading) if text.startswith("["))
        self.asterisk.add_dialplan(f"{frame.format(number=number, did=DID)}\n{recipe}")
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
def place(asterisk: Asterisk) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(asterisk, stack)


@pytest.fixture
def each_place(each_asterisk: Asterisk) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(each_asterisk, stack)


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_a_context_that_includes_the_outside_names_its_own_tenant(
    each_place: Place, tenant: str
) -> None:
    frame = BY_HAND.replace("{context}", f"{tenant}-internal")
    each_place.load("Contexts by hand", frame)
    assert each_place.call("*80").status == 200
    assert each_place.asked() == [("outbound", tenant, MOBILE)]


@pytest.mark.parametrize(
    ("heading", "frame", "number"), [("Wazo", WAZO, "*81"), ("MikoPBX", MIKO, "*82")]
)
@pytest.mark.parametrize("outside", [MOBILE, "911"])
def test_the_hook_of_a_generated_dialplan_judges_the_number_before_the_trunks_prefix(
    place: Place, heading: str, frame: str, number: str, outside: str
) -> None:
    place.load(heading, frame, outside)
    assert place.call(number).status == 200
    assert place.asked() == [("outbound", "acme", outside)]
    assert place.carrier.incoming[0].number == f"9{outside}"


@pytest.mark.parametrize(
    ("heading", "frame", "number"), [("Wazo", WAZO, "*81"), ("MikoPBX", MIKO, "*82")]
)
def test_what_the_hook_of_a_generated_dialplan_refuses_reaches_nobody(
    place: Place, heading: str, frame: str, number: str
) -> None:
    place.load(heading, frame)
    place.hook.verdict = refuse
    inside = place.scene.phone("acme", 2)
    assert place.call(number).status == 486
    assert place.carrier.call(DID).wait("ended").status == 486
    assert place.asked(2) == [("outbound", "acme", MOBILE), ("inbound", "acme", DID)]
    assert not place.carrier.incoming
    assert not inside.incoming


@pytest.mark.parametrize(("heading", "frame"), [("Wazo", WAZO), ("MikoPBX", MIKO)])
def test_an_incoming_call_of_a_generated_dialplan_rings_when_it_is_admitted(
    place: Place, heading: str, frame: str
) -> None:
    place.load(heading, frame)
    inside = place.scene.phone("acme", 2, answers=True)
    place.carrier.dial(DID)
    assert len(inside.incoming) == 1


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
    each_place.load("Calls that a program places")
    phone = each_place.scene.phone("acme", 2, answers=True)
    _call_back(each_place, phone.here.extension)
    phone.wait_incoming().wait("up")
    assert each_place.asked()[0] == ("outbound", "acme", MOBILE)
    assert [leg.number for leg in each_place.carrier.incoming] == [MOBILE]


def test_a_refused_program_that_dials_outside_first_reaches_no_one(each_place: Place) -> None:
    each_place.load("Calls that a program places")
    each_place.hook.verdict = refuse
    phone = each_place.scene.phone("acme", 2, answers=True)
    _call_back(each_place, phone.here.extension)
    assert each_place.asked() == [("outbound", "acme", MOBILE)]
    each_place.asterisk.wait_idle()
    assert not each_place.carrier.incoming
    assert not phone.incoming
