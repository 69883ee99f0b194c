"""Laws of counting, over whole sequences and any interleaving."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.domain.admission import Direction, Load, Mode, Outcome
from pbxbilling.domain.facts import AdmissionDecided
from pbxbilling.domain.signals import ChannelSeen
from tests.support.world import World, plan

LIMIT = st.one_of(st.none(), st.integers(0, 3))


@st.composite
def limits(draw: st.DrawFn) -> dict[str, int]:
    names = (
        "max_calls", "max_outbound_calls", "max_inbound_calls", "max_trunk_legs",
        "max_calls_per_second",
    )  # fmt: skip
    drawn = {name: draw(LIMIT) for name in names}
    return {name: value for name, value in drawn.items() if value is not None}


ARRIVALS = st.tuples(
    st.just("arrive"), st.sampled_from([Direction.OUTBOUND, Direction.INBOUND]), st.integers(1, 3)
)
ENDS = st.tuples(st.just("end"), st.integers(0, 9), st.just(0))
STEPS = st.lists(st.one_of(ARRIVALS, ARRIVALS, ENDS), max_size=25)


def _play(world: World, steps: list[tuple[Any, ...]]) -> list[bool]:
    """Play arrivals and ends; which arrivals were, or would have been, refused."""
    stopped: list[bool] = []
    for number, (what, how, legs) in enumerate(steps):
        world.clock.passed_s += 0.2
        if what == "arrive":
            stopped.append(_arrive(world, number, how, legs))
        else:
            for suffix in ("", *(f"-{leg}" for leg in range(3))):
                world.hangs_up(world.seen(f"{how}{suffix}"))
    return stopped


def _arrive(world: World, number: int, direction: Direction, legs: int) -> bool:
    uniqueid = str(number)
    inbound = direction is Direction.INBOUND
    caller = world.seen(uniqueid, f"PJSIP/{'carrier' if inbound else 'phone'}-{number}")
    world.born(caller)
    verdict = world.hook(uniqueid, direction=direction, name=caller.name)
    decided = next(f for f in reversed(world.facts) if isinstance(f, AdmissionDecided))
    if not verdict.admit:
        world.hangs_up(caller)
        return True
    for leg in range(1 if inbound else legs):
        end = "phone" if inbound else "carrier"
        dialled = world.seen(f"{number}-{leg}", f"PJSIP/{end}-{number}-{leg}", state=0)
        world.born(dialled)
        world.dials(caller, dialled)
    return decided.decision.outcome is Outcome.WOULD_REFUSE


@given(limits(), STEPS)
@settings(deadline=None, max_examples=1500)
def test_log_would_block_exactly_what_enforce_blocks(
    caps: dict[str, int], steps: list[tuple[Any, ...]]
) -> None:
    log = _play(World(Mode.LOG, plan(**caps)), steps)
    assert log == _play(World(Mode.ENFORCE, plan(**caps)), steps)
    assert not any(_play(World(Mode.OFF, plan(**caps)), steps))


PBX = st.sampled_from(["pbx1", "pbx2"])
TENANT = st.sampled_from(["acme", "globex", ""])
CHANNEL = st.integers(0, 5)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("hook"), PBX, CHANNEL, TENANT),
        st.tuples(st.just("born"), PBX, CHANNEL, st.just("")),
        st.tuples(st.just("dial"), PBX, CHANNEL, CHANNEL),
        st.tuples(st.just("answer"), PBX, CHANNEL, st.just("")),
        st.tuples(st.just("bridge"), PBX, CHANNEL, st.integers(0, 1)),
        st.tuples(st.just("hangup"), PBX, CHANNEL, st.just("")),
    ),
    max_size=40,
)


def _channel(world: World, pbx: str, number: int) -> ChannelSeen:
    """Even ones are phones, odd ones carriers, the last is half of a Local pair."""
    name = f"PJSIP/{'carrier' if number % 2 else 'phone'}-{number}"
    return world.seen(str(number), "Local/1@x-5;1" if number == 5 else name, pbx=pbx)


@given(EVENTS, st.sampled_from(Mode), limits())
@settings(deadline=None, max_examples=1500)
def test_counts_are_true_in_any_order_and_zero_at_the_end(
    events: list[tuple[Any, ...]], mode: Mode, caps: dict[str, int]
) -> None:
    world = World(mode, plan(**caps), ("acme", "globex"))
    for event in events:
        _tell(world, *event)
        _counts_are_true(world)
    for pbx in ("pbx1", "pbx2"):
        for number in range(6):
            world.hangs_up(_channel(world, pbx, number))
    assert not world.ledger.calls
    assert not world.ledger.channels
    for tenant in ("acme", "globex"):
        assert world.ledger.load(tenant) == Load()


def _tell(world: World, what: str, pbx: str, number: int, how: Any) -> None:
    channel = _channel(world, pbx, number)
    world.clock.passed_s += 0.01
    if what == "hook":
        world.hook(str(number), how, pbx=pbx, name=channel.name)
    elif what == "born":
        world.born(channel)
    elif what == "dial" and how != number:
        world.dials(channel, _channel(world, pbx, how))
    elif what == "answer":
        world.answers(channel)
    elif what == "bridge":
        world.bridges(channel, f"bridge{how}")
    elif what == "hangup":
        world.hangs_up(channel)


def _counts_are_true(world: World) -> None:
    for tenant in ("acme", "globex"):
        load = world.ledger.load(tenant)
        assert load == world.recount(tenant)
        live = [call for call in world.ledger.calls.values() if call.tenant == tenant]
        assert 0 <= load.calls(count_internal=True) <= len(live)
        assert min(load.outbound, load.inbound, load.internal, load.trunk_legs) >= 0
