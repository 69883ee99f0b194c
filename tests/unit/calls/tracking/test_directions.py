"""The direction of a leg is what its channel did: in each state of birth, each technology, by all.

The table is that of `calls/live/directions.py`, from Asterisk's sources.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from pbxbilling.ami.messages.grammar import BLOCK
from pbxbilling.ami.messages.mapping import signal_of
from pbxbilling.calls.journal.fold import JournalFold
from pbxbilling.calls.journal.journal import JournalPosition
from pbxbilling.calls.live import signals
from pbxbilling.calls.live.channel import ChannelKey, ChannelState, Trunks
from pbxbilling.calls.live.facts import LegAnswered, LegEnded
from pbxbilling.calls.live.signals import ChannelSeen, Newchannel
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.kernel.codes import Direction, LegDirection, Mode
from tests.support.calls.journal_rows import EPOCH_S, row
from tests.support.calls.world import World

IN, OUT = LegDirection.INBOUND, LegDirection.OUTBOUND
DOWN, RESERVED, OFF_HOOK, DIALING, RING, RINGING, UP, BUSY, DIALING_OFF_HOOK, PRERING = ChannelState
MUTE = 1 << 16
TRUNKS = (
    "PJSIP/carrier", "SIP/carrier", "IAX2/carrier", "DAHDI/*", "Mobile/carrier",
    "Dongle/carrier", "Quectel/carrier", "OOH323/carrier", "Motif/carrier", "SCCP/carrier",
)  # fmt: skip


class Life(NamedTuple):
    """How a technology creates a channel and what it goes on to, before it is up."""

    technology: str
    states: tuple[int, ...]
    exten: str


CAME_IN = (
    *(Life(f"{tech}/carrier", (RING,), exten)
      for tech in ("PJSIP", "SIP", "IAX2", "OOH323", "Dongle", "Quectel") for exten in ("77", "s")),
    Life("Mobile/carrier", (RING,), "s"),
    Life("DAHDI/1", (PRERING, RING), "s"),  # an analog line that waits for the caller ID
    Life("DAHDI/1", (PRERING,), "s"),
    Life("DAHDI/1", (RING,), "s"),
    Life("DAHDI/i1/77", (RING,), "77"),  # PRI, SS7
    Life("DAHDI/i1/77", (RESERVED, RING), "77"),  # PRI with overlap dialling
    Life("DAHDI/i1/77", (RESERVED, RING), "s"),
    Life("Motif/carrier", (DOWN, RING), "s"),
    Life("SCCP/carrier", (OFF_HOOK, RING), "77"),
    Life("SCCP/carrier", (DOWN, OFF_HOOK, DIALING, RING), "77"),
    Life("PJSIP/carrier", (RING + MUTE,), "77"),
)  # fmt: skip
DIALLED = (
    *(Life(f"{tech}/carrier", (DOWN, RINGING), "s")
      for tech in ("PJSIP", "SIP", "IAX2", "Mobile", "Dongle", "Quectel", "Motif")),
    Life("PJSIP/carrier", (DOWN, RING, RINGING), "s"),
    Life("OOH323/carrier", (DOWN,), "0155501"),
    Life("DAHDI/1", (RESERVED, DIALING), "s"),
    Life("DAHDI/i1/0155501", (RESERVED, DIALING, RINGING), "s"),
    *(Life("DAHDI/1", (state,), "s")
      for state in (OFF_HOOK, DIALING, RINGING, BUSY, DIALING_OFF_HOOK, RING, PRERING)),
)  # fmt: skip


def lives(what: tuple[Life, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("life", what, ids=lambda life: f"{life.technology}-{life[1:]}")


def world_of() -> World:
    """Return a world in which outbound minutes are counted."""
    world = World(Mode.OFF, Plan("plan", included_minutes=100, overage=Overage.BLOCK))
    world.ledger.trunks = {"pbx1": Trunks(TRUNKS)}
    return world


def seen(life: Life, state: int, linkedid: str = "1") -> ChannelSeen:
    """Return the channel as the text of an AMI event shows it."""
    values = dict.fromkeys(BLOCK, "") | {"Channel": f"{life.technology}-1", "Uniqueid": "1"}
    values |= {"ChannelState": str(int(state)), "Exten": life.exten, "Linkedid": linkedid}
    text = "Event: Newchannel\r\n" + "".join(f"{name}: {one}\r\n" for name, one in values.items())
    signal = signal_of("pbx1", b"Newchannel", text.encode())
    assert isinstance(signal, Newchannel)
    return signal.channel


def born(world: World, life: Life, linkedid: str = "1") -> ChannelSeen:
    """Let AMI show the channel through all states before it is up."""
    first, *others = (seen(life, state, linkedid) for state in life.states)
    world.born(first)
    for state in others:
        world.tracker.apply(signals.Newstate(state, world.stamp()))
    return first


def ended(world: World, channel: ChannelSeen) -> LegDirection:
    """Answer and end the leg; return its direction, which all facts about it agree on."""
    world.answers(channel)
    world.clock.passed_s += 10
    world.hangs_up(channel)
    (leg,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    answered = [fact.leg.direction for fact in world.facts if isinstance(fact, LegAnswered)]
    assert answered[-1] is leg.direction
    assert leg.allowance_s == (60 if leg.direction is OUT and leg.tenant else 0)
    return leg.direction


@lives(CAME_IN)
def test_what_came_in_is_inbound_with_a_hook_and_without(life: Life) -> None:
    world = world_of()
    assert ended(world, born(world, life)) is IN
    for hook_first in (False, True):
        world = world_of()
        if hook_first:
            asks(world, life, Direction.INBOUND)
        born(world, life)
        if not hook_first:
            asks(world, life, Direction.INBOUND)
        assert ended(world, seen(life, life.states[-1])) is IN


def asks(world: World, life: Life, direction: Direction) -> None:
    world.hook("1", direction=direction, name=f"{life.technology}-1")


@lives(DIALLED)
@pytest.mark.parametrize("originated", [False, True])
def test_what_was_dialled_is_outbound_in_any_state(life: Life, *, originated: bool) -> None:
    """In any order: a busy AMI may show the channel in the middle of its life first."""
    caller = None if originated else World.seen(world_of(), "0")
    for late in (False, True):
        world = world_of()
        leg = seen(life, life.states[-1], "1" if originated else "0")
        if late:
            born(world, life, leg.linkedid)
        world.dials(caller, leg)
        if not late:
            born(world, life, leg.linkedid)
        assert ended(world, leg) is OUT


@pytest.mark.parametrize("state", ChannelState)
def test_a_dialled_leg_that_is_sent_into_the_dialplan_stays_outbound(state: ChannelState) -> None:
    """Transferred to a number of ours, it fires an inbound hook, and dials."""
    world, life = world_of(), Life("PJSIP/carrier", (DOWN,), "s")
    leg = born(world, life, "0")
    world.dials(world.seen("0"), leg)
    asks(world, life, Direction.INBOUND)
    world.dials(leg._replace(state=state), world.seen("2"))
    assert ended(world, leg) is OUT


@pytest.mark.parametrize("state", [state for state in ChannelState if state is not UP])
def test_a_hook_and_a_dial_of_its_own_prove_that_a_channel_came_in(state: ChannelState) -> None:
    for proves in ("hook", "late hook", "dial"):
        world, life = world_of(), Life("DAHDI/1", (state,), "s")
        leg = born(world, life)
        if proves == "late hook":
            world.answers(leg)
        if proves == "dial":
            world.dials(leg, world.seen("2"))
        else:
            asks(world, life, Direction.INBOUND)
        assert ended(world, leg) is IN, proves


@pytest.mark.parametrize("state", ChannelState)
def test_a_channel_that_another_requested_goes_out_before_anybody_dials(
    state: ChannelState,
) -> None:
    world = world_of()
    assert ended(world, born(world, Life("DAHDI/1", (state,), "s"), "0")) is OUT


@pytest.mark.parametrize(
    ("state", "application", "linkedid", "way"),
    [
        (UP, "Dial", "1", IN),
        (UP, "Queue", "1", IN),
        (UP, "AppDial", "1", OUT),
        (UP, "AppDial2", "1", OUT),
        (UP, "AppDial", "0", OUT),
        (UP, "Dial", "0", OUT),
        (UP, "", "1", OUT),
        (RING, "AGI", "1", IN),
        (PRERING, "", "1", IN),
        (DOWN, "AppDial", "0", OUT),
        (RINGING, "AppDial", "0", OUT),
        (RESERVED, "", "1", OUT),
    ],
)
def test_a_channel_that_is_first_seen_in_a_list_did_what_it_runs(
    state: ChannelState, application: str, linkedid: str, way: LegDirection
) -> None:
    world = world_of()
    listed = seen(Life("DAHDI/1", (state,), "s"), state, linkedid)._replace(application=application)
    adopted(world, listed)
    assert world.ledger.channels[ChannelKey("pbx1", "1")].direction is way


def adopted(world: World, listed: ChannelSeen) -> None:
    snapshot = signals.Snapshot("pbx1", (listed,), True, world.stamp(), world.clock.monotonic())
    for _ in world.reconciler.apply(snapshot):
        pass


def by_journal(life: Life, application: str, *, requested: bool, hook: str = "") -> LegDirection:
    """Return the direction that the journal's rows give."""
    channel, linked = f"{life.technology}-1", 0 if requested else None
    says = json.dumps({"extra": f"{hook}|acme|77"})
    rows = [
        row("CHAN_START", 0, 1, channel, linked=linked, exten=life.exten),
        *([row("PBXBILLING", 1, 1, channel, linked=linked, extra=says)] if hook else []),
        row("ANSWER", 2, 1, channel, linked=linked, exten="77", application=application),
        row("HANGUP", 9, 1, channel, linked=linked),
    ]
    (leg,) = JournalFold("pbx1", Trunks(TRUNKS)).feed(rows, JournalPosition())
    assert leg.key == ChannelKey("pbx1", f"{EPOCH_S}.1")
    assert leg.direction is not None
    return leg.direction


@lives(CAME_IN)
def test_the_journal_agrees_about_what_came_in(life: Life) -> None:
    assert by_journal(life, "Dial", requested=False) is IN
    assert by_journal(life, "", requested=False, hook="inbound") is IN
    assert by_journal(life, "AGI", requested=False, hook="outbound") is IN


@lives(DIALLED)
def test_the_journal_agrees_about_what_was_dialled(life: Life) -> None:
    assert by_journal(life, "AppDial", requested=True) is OUT
    assert by_journal(life, "AppDial2", requested=False) is OUT
    assert by_journal(life, "AppDial2", requested=False, hook="inbound") is OUT
    assert by_journal(life, "Dial", requested=True, hook="inbound") is OUT
