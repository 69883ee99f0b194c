"""Cases of groups, forwards, transfers, parking and the like, each played on a site to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rig.hook import Environment, Hook
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.setup.outside import DID, FIRST, IN, OUT
from tests.support.setup.site import Site

SECOND = "0155502"
"""Another number outside."""
SLOW_S = 1.5
"""How long a site's own program takes."""


def ring_group(site: Site) -> None:
    """A group rings through Local channels, one of which stays: one call, one leg."""
    _answered_by_one_of_two(site, "+15550160")


def queue(site: Site) -> None:
    """A queue whose agents are reached through Local channels: one call, one leg."""
    _answered_by_one_of_two(site, "+15550161")


def forward_through_a_local_that_stays(site: Site) -> None:
    """An extension forwards to a mobile: one call, a leg in, and a leg out with its number."""
    site.sets("CF", "12", f"{MOBILE}@{site.frame.home}/n")
    _forwarded(site, "+15550112")
    assert site.billed() == [("acme", "inbound", "+15550112"), OUT]


def forward_through_a_local_that_leaves(site: Site) -> None:
    """The same where the Local channel is optimised away while the two talk."""
    site.sets("CF", "12", f"{MOBILE}@{site.frame.home}")
    _forwarded(site, "+15550112", optimised=True)
    assert site.billed() == [("acme", "inbound", "+15550112"), OUT]


def follow_me_through_a_local_that_stays(site: Site) -> None:
    """An extension and a mobile ring together, and the mobile answers."""
    site.sets("FM", "14", f"{MOBILE}@{site.frame.home}/n")
    _forwarded(site, "+15550114", rings_too=4)
    assert site.billed() == [("acme", "inbound", "+15550114"), OUT]


def follow_me_through_a_local_that_leaves(site: Site) -> None:
    """The same where the Local channel is optimised away."""
    site.sets("FM", "14", f"{MOBILE}@{site.frame.home}")
    _forwarded(site, "+15550114", rings_too=4, optimised=True)
    assert site.billed() == [("acme", "inbound", "+15550114"), OUT]


def blind_transfer_outside(site: Site) -> None:
    """A phone sends the number that it called to another one outside: one call, two legs out."""
    leg = site.call()
    site.scene.talk()
    leg.transfer(SECOND)
    far = site.trunks[0].wait_incoming(2).wait("up")
    leg.wait("ended")
    site.scene.talk()
    site.await_live([("outbound", 2)])
    far.hang_up()
    assert site.billed() == [OUT, ("acme", "outbound", SECOND)]


def blind_transfer_inside(site: Site) -> None:
    """A phone sends a call that came in to a colleague."""
    phone = site.scene.phone("acme", answers=True)
    colleague = site.scene.phone("acme", 2, answers=True)
    leg = site.trunks[1].dial(DID)
    site.scene.talk()
    phone.incoming[0].transfer("12")
    colleague.wait_incoming().wait("up")
    phone.incoming[0].wait("ended")
    site.scene.talk()
    site.await_live([("inbound", 1)])
    leg.hang_up()
    assert site.billed() == [IN]


def attended_transfer(site: Site) -> None:
    """A phone joins two numbers that it called: two calls become one, both legs billed once."""
    phone = site.scene.phone("acme")
    first = phone.dial(MOBILE)
    first.hold()
    second = phone.dial(SECOND)
    site.scene.talk()
    site.await_live([("outbound", 1)] * 2)
    first.transfer_to(second)
    for leg in (first, second):
        leg.wait("ended")
    site.scene.talk()
    site.await_live([("outbound", 2)])
    site.trunks[0].incoming[0].hang_up()
    assert site.billed() == [OUT, ("acme", "outbound", SECOND)]


def parked_and_fetched(site: Site) -> None:
    """The far end is parked, waits, and is fetched by a colleague: its leg counts throughout."""
    slot = _parked(site)
    site.await_live([("outbound", 1)])
    site.scene.talk()
    fetched = site.scene.phone("acme", 2).dial(slot)
    site.scene.talk()
    site.await_live([("outbound", 1)])
    fetched.hang_up()
    assert site.billed() == [OUT]
    assert site.daemon.answered()[-1][2] > 2


def parked_and_left(site: Site) -> None:
    """The far end is parked, and hangs up there."""
    _parked(site)
    site.scene.talk()
    site.trunks[0].incoming[0].hang_up()
    assert site.billed() == [OUT]


def inside_alone(site: Site) -> None:
    """Menu, voicemail, echo, do not disturb, paging, intercom: no call outside, nothing billed."""
    site.sets("DND", "14", "YES")
    phone = site.scene.phone("acme")
    members = [site.scene.phone("acme", which, answers=True) for which in (2, 3)]
    for number in ("62", "*97", "*43", "63", "812"):
        leg = phone.dial(number)
        if number == "63":
            until(lambda: all(one.incoming for one in members), "both are paged")
        leg.hang_up()
    assert phone.call("14").wait("ended").status == 486
    assert site.billed() == []
    assert site.invited() == []
    assert site.decisions() == []


def menu_from_outside(site: Site) -> None:
    """A menu answers a call that comes in, and leads it to an extension: one leg."""
    phone = site.scene.phone("acme")
    leg = site.trunks[0].dial("+15550162")
    site.scene.talk()
    leg.press("1")
    phone.wait_incoming().answer()
    site.scene.talk()
    site.await_live([("inbound", 1)])
    leg.hang_up()
    assert site.billed() == [("acme", "inbound", "+15550162")]
    assert site.daemon.answered()[-1][2] > 1.5


def survey(site: Site) -> None:
    """The extension hangs up, and the caller hears a survey: its seconds are the leg's."""
    phone = site.scene.phone("acme", answers=True)
    leg = site.trunks[0].dial("+15550164")
    phone.wait_incoming().wait("up")
    site.scene.talk()
    phone.incoming[0].hang_up()
    leg.wait("ended")
    assert site.billed() == [("acme", "inbound", "+15550164")]
    assert site.daemon.answered()[-1][2] >= 1.9


def program_after_a_call_out(site: Site) -> None:
    """A site's own FastAGI program takes a second when a call is over: the leg ended before."""
    with _slow_program(site) as program:
        site.call().hang_up()
        until(lambda: program.requests, "the program is asked")
        assert site.billed() == [OUT]


def program_after_a_call_in(site: Site) -> None:
    """The same on the trunk's own channel, of which the journal tells the end a second late."""
    phone = site.scene.phone("acme", answers=True)
    with _slow_program(site) as program:
        leg = site.trunks[0].dial(DID)
        phone.wait_incoming().wait("up")
        site.scene.talk()
        leg.hang_up()
        until(lambda: program.requests, "the program is asked")
        assert site.billed(late=True) == [IN]


def _answered_by_one_of_two(site: Site, did: str) -> None:
    """Two phones ring, the second answers; one call and one leg, however many Local halves."""
    phones = [site.scene.phone("acme", which) for which in (2, 3)]
    leg = site.trunks[0].call(did)
    ringing = [phone.wait_incoming() for phone in phones]
    site.await_live([("inbound", 1)])
    ringing[1].answer()
    leg.wait("up")
    site.scene.talk()
    site.await_live([("inbound", 1)])
    leg.hang_up()
    assert site.billed() == [("acme", "inbound", did)]


def _forwarded(
    site: Site, did: str, *, rings_too: int | None = None, optimised: bool = False
) -> None:
    """A call comes in and is answered by the mobile; the two talk."""
    phone = site.scene.phone("acme", rings_too) if rings_too else None
    leg = site.trunks[1].dial(did)
    site.trunks[0].wait_incoming().wait("up")
    site.scene.talk()
    if phone:
        phone.wait_incoming().wait("ended")
    if optimised:
        until(lambda: not _local_halves(site), "no Local channel is left")
    assert site.invited() == [FIRST]
    site.await_live([("inbound", 2)])
    leg.hang_up()


def _local_halves(site: Site) -> list[str]:
    rows = (row["Channel"] for row in site.ami.channels())
    return [name for name in rows if name.startswith("Local/")]


def _parked(site: Site) -> str:
    """Call out, and park the far end; return where."""
    leg = site.call()
    site.scene.talk()
    since = len(site.ami.events)
    leg.transfer("700")
    slot = site.ami.wait("ParkedCall", since=since)["ParkingSpace"]
    leg.wait("ended")
    return slot


@contextmanager
def _slow_program(site: Site) -> Iterator[Hook]:
    """Run the program that a site asks when a call is over."""

    def slowly(request: Environment) -> None:
        time.sleep(SLOW_S)

    with Hook(slowly) as program:
        site.asterisk.set_global("OVER_AGI", program.address)
        yield program
