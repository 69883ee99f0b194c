"""The cases of calls.md, each played once on a real Asterisk.

Every function plays one case to its end with the peers of a `Scene`. The recorder uses them, and
so can any test that only needs the case to happen. Talks last about a second.
"""

import time

from rig.phone import Phone
from rig.scene import MOBILE, Scene


def outbound_answered(scene: Scene) -> None:
    """A phone calls out, is answered, and hangs up."""
    _answered(scene, MOBILE)


def outbound_hung_up_by_carrier(scene: Scene) -> None:
    """A phone without an account code calls out, is answered, and the far end hangs up."""
    carrier = scene.carrier()
    scene.phone("globex").dial(MOBILE)
    scene.talk()
    carrier.incoming[0].hang_up()


def outbound_given_up(scene: Scene) -> None:
    """A phone calls out, and gives up while the number rings."""
    carrier = scene.carrier(answers=False)
    leg = scene.phone("acme").call(MOBILE)
    carrier.wait_incoming()
    leg.wait("ringing")
    scene.snapshot()
    leg.hang_up()


def outbound_busy(scene: Scene) -> None:
    """A phone calls out, and the number is busy."""
    scene.carrier().refuses = "486 Busy Here"
    scene.phone("acme").call(MOBILE).wait("ended")


def outbound_no_answer(scene: Scene) -> None:
    """A phone calls out, and Asterisk gives up after a second."""
    scene.carrier(answers=False)
    scene.asterisk.set_global("RING_S", "1")
    scene.phone("acme").call(MOBILE).wait("ended")
    scene.asterisk.restore()


def outbound_slow_end(scene: Scene) -> None:
    """A call whose dialplan takes two seconds after the talk has ended (an `h` extension)."""
    _answered(scene, f"*7{MOBILE}")


def fork_of_three(scene: Scene) -> None:
    """Three trunk numbers ring; the second answers."""
    carriers = [scene.carrier(which, answers=False) for which in (1, 2, 3)]
    leg = scene.phone("acme").call(f"*3{MOBILE}")
    ringing = [carrier.wait_incoming() for carrier in carriers]
    scene.snapshot()
    ringing[1].answer()
    leg.wait("up")
    scene.talk()
    leg.hang_up()


def local_kept(scene: Scene) -> None:
    """A call goes out through a Local channel that stays (/n)."""
    _answered(scene, f"*4{MOBILE}")


def local_optimised(scene: Scene) -> None:
    """A call goes out through a Local channel that is optimised away."""
    _answered(scene, f"*5{MOBILE}")


def queue(scene: Scene) -> None:
    """A call comes in to a queue; three phones ring, one answers."""
    phones = [scene.phone("acme", which) for which in (2, 3, 4)]
    leg = scene.carrier().call("+15550101")
    ringing = [phone.wait_incoming() for phone in phones]
    scene.snapshot()
    ringing[1].answer()
    leg.wait("up")
    scene.talk()
    leg.hang_up()


def forward(scene: Scene) -> None:
    """A call comes in to a phone that forwards to a mobile (302)."""
    carrier = scene.carrier()
    scene.phone("acme").forwards = MOBILE
    leg = carrier.dial("+15550100")
    scene.talk()
    leg.hang_up()


def forward_in_dialplan(scene: Scene) -> None:
    """A call comes in, and the dialplan itself calls a mobile."""
    leg = scene.carrier().dial("+15550103")
    scene.talk()
    leg.hang_up()


def forward_between_tenants(scene: Scene) -> None:
    """globex calls acme's phone, which forwards to a mobile (302)."""
    _forwarded(scene, scene.phone("acme"), "11")


def forward_between_tenants_with_codes(scene: Scene) -> None:
    """The same with an account code on the caller: Dial passes it on, over that of acme's phone."""
    _forwarded(scene, scene.phone("acme"), "**111")


def forward_of_a_did(scene: Scene) -> None:
    """globex calls initech's number; its hook names no tenant, and initech's phone forwards."""
    _forwarded(scene, scene.phone("initech"), "+15550300")


def forward_of_a_did_with_codes(scene: Scene) -> None:
    """The same with an account code on the caller."""
    _forwarded(scene, scene.phone("initech"), "**1+15550300")


def forward_of_a_call_from_outside(scene: Scene) -> None:
    """A call comes in for initech, whose phone forwards: two trunk legs, both initech's."""
    carrier = scene.carrier()
    scene.phone("initech").forwards = MOBILE
    leg = carrier.dial("+15550300")
    scene.talk()
    leg.hang_up()


def argument_is_an_account_code(scene: Scene) -> None:
    """The hook names the tenant by an account code that its channel does not have."""
    scene.carrier()
    leg = scene.phone("globex").dial(f"**2{MOBILE}")
    scene.talk()
    leg.hang_up()


def blind_transfer(scene: Scene) -> None:
    """A phone that called out transfers the far end to a colleague, and leaves."""
    scene.carrier()
    colleague = scene.phone("acme", 2)
    leg = scene.phone("acme").dial(MOBILE)
    scene.talk()
    leg.transfer("12")
    second = colleague.wait_incoming()
    second.answer()
    second.wait("up")
    leg.wait("ended")
    scene.talk()
    second.hang_up()


def blind_transfer_outside(scene: Scene) -> None:
    """A phone transfers an incoming call to a mobile, and leaves: two trunk legs stay."""
    carrier = scene.carrier()
    phone = scene.phone("globex", answers=True)
    leg = carrier.dial("+15550200")
    scene.talk()
    phone.incoming[0].transfer(MOBILE)
    carrier.wait_incoming().wait("up")
    phone.incoming[0].wait("ended")
    scene.talk()
    leg.hang_up()


def transfer_by_another_tenant(scene: Scene) -> None:
    """initech calls acme's phone, which transfers it to a mobile, and leaves."""
    scene.carrier()
    phone = scene.phone("acme", answers=True)
    leg = scene.phone("initech").dial("11")
    scene.talk()
    phone.incoming[0].transfer(MOBILE)
    phone.incoming[0].wait("ended")
    scene.wait_up("PJSIP/carrier")
    scene.talk()
    leg.hang_up()


def attended_transfer(scene: Scene) -> None:
    """A phone calls out, calls a colleague, and joins the two (REFER with Replaces)."""
    scene.carrier()
    colleague = scene.phone("acme", 2, answers=True)
    phone = scene.phone("acme")
    first = phone.dial(MOBILE)
    first.hold()
    second = phone.dial("12")
    scene.talk()
    first.transfer_to(second)
    for leg in (first, second):
        leg.wait("ended")
    scene.talk()
    colleague.incoming[0].hang_up()


def attended_transfer_outside(scene: Scene) -> None:
    """A phone joins an incoming call with a second call to a mobile."""
    carrier = scene.carrier()
    phone = scene.phone("acme", answers=True)
    outside = carrier.dial("+15550100")
    first = phone.incoming[0].wait("up")
    first.hold()
    second = phone.dial(MOBILE)
    scene.talk()
    first.transfer_to(second)
    for leg in (first, second):
        leg.wait("ended")
    scene.talk()
    outside.hang_up()


def attended_transfer_by_code(scene: Scene) -> None:
    """A phone that called out dials *2 and a colleague, talks, and leaves."""
    scene.carrier()
    colleague = scene.phone("acme", 2)
    leg = scene.phone("acme").dial(MOBILE)
    scene.talk()
    leg.press("*2")
    time.sleep(2.0)  # the prompt; Asterisk does not say when it listens for digits
    leg.press("12")
    second = colleague.wait_incoming()
    second.answer()
    second.wait("up")
    scene.talk()
    before = len(scene.ami.events)
    leg.hang_up()
    scene.ami.wait("AttendedTransfer", since=before)
    scene.talk()
    second.hang_up()


def park_and_retrieve(scene: Scene) -> None:
    """The far end of an outbound call is parked, and a colleague fetches it."""
    scene.carrier()
    leg = scene.phone("acme").dial(MOBILE)
    scene.talk()
    slot = scene.park(timeout_s=30)
    leg.hang_up()
    scene.talk()
    second = scene.phone("acme", 2).dial(slot)
    scene.talk()
    second.hang_up()


def park_and_time_out(scene: Scene) -> None:
    """The parked call times out and rings back at the phone that parked it."""
    scene.carrier()
    phone = scene.phone("acme", answers=True)
    leg = phone.dial(MOBILE)
    scene.talk()
    scene.park(timeout_s=1)
    leg.hang_up()
    back = phone.wait_incoming()
    back.wait("up")
    scene.talk()
    back.hang_up()


def pickup(scene: Scene) -> None:
    """A call comes in to a phone, and a colleague picks it up (*8)."""
    phone = scene.phone("acme")
    leg = scene.carrier().call("+15550100")
    phone.wait_incoming()
    scene.phone("acme", 2).dial("*8")
    leg.wait("up")
    scene.talk()
    leg.hang_up()


def conference(scene: Scene) -> None:
    """Two external participants and a phone meet in a conference."""
    legs = [scene.carrier(which).dial("+15550102") for which in (1, 2)]
    legs.append(scene.phone("acme").dial("80"))
    scene.talk()
    for leg in legs:
        leg.hang_up()


def originate(scene: Scene) -> None:
    """Click-to-call: the phone rings first, then the number is called."""
    _clicked(scene, "PJSIP/acme1")


def originate_through_local(scene: Scene) -> None:
    """Click-to-call where the phone is reached through a Local channel."""
    _clicked(scene, "Local/11@from-acme")


def originate_through_local_unhooked(scene: Scene) -> None:
    """The same where the phone is reached without a hook, as by FreePBX."""
    _clicked(scene, "Local/**01@from-acme")


def redirect_both(scene: Scene) -> None:
    """AMI Redirect with ExtraChannel: one conversation becomes two, under one linkedid."""
    scene.carrier()
    colleague = scene.phone("acme", 2, answers=True)
    leg = scene.phone("acme").dial(MOBILE)
    scene.talk()
    scene.ami.action(
        "Redirect",
        Channel=scene.ami.channel("PJSIP/acme1"),
        ExtraChannel=scene.ami.channel("PJSIP/carrier"),
        Context="from-acme",
        Exten="0155502",
        Priority="1",
        ExtraContext="from-acme",
        ExtraExten="12",
        ExtraPriority="1",
    )
    other = colleague.wait_incoming().wait("up")
    scene.wait_up("PJSIP/carrier", 2)
    scene.talk()
    leg.hang_up()
    other.hang_up()


def between_tenants(scene: Scene) -> None:
    """acme calls globex' number; the call never leaves the PBX."""
    scene.phone("globex", answers=True)
    leg = scene.phone("acme").dial("+15550200")
    scene.talk()
    leg.hang_up()


def unhooked(scene: Scene) -> None:
    """The dialplan has no hook for this number."""
    _answered(scene, f"*6{MOBILE}")


def _answered(scene: Scene, number: str) -> None:
    """acme's first phone dials `number`, reaches the carrier, talks and hangs up."""
    scene.carrier()
    leg = scene.phone("acme").dial(number)
    scene.talk()
    leg.hang_up()


def _forwarded(scene: Scene, called: Phone, number: str) -> None:
    """globex dials `number`, which rings at a phone that forwards to a mobile; the two talk."""
    scene.carrier()
    called.forwards = MOBILE
    leg = scene.phone("globex").dial(number)
    scene.talk()
    leg.hang_up()


def _clicked(scene: Scene, channel: str) -> None:
    """A program calls acme's first phone through `channel` and connects it when it answers."""
    scene.carrier()
    phone = scene.phone("acme", answers=True)
    scene.originate(channel)
    leg = phone.wait_incoming().wait("up")
    scene.wait_up("PJSIP/carrier")
    scene.talk()
    leg.hang_up()
