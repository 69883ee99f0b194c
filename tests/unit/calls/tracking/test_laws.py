"""Laws of counting, over whole sequences and any interleaving."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.catalog.plan import BillingIncrement, Overage, Plan
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Outcome
from tests.support.calls.world import World, plan

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
# A call forwards: by the dialplan of its first channel, or by a Local channel, as a phone's 302 is.
FORWARDS = st.tuples(st.just("forward"), st.integers(0, 9), st.sampled_from([0, 1, 2]))
TALK = st.tuples(st.just("talk"), st.integers(1, 90), st.just(0))
STEPS = st.lists(st.one_of(ARRIVALS, ARRIVALS, FORWARDS, ENDS, TALK), max_size=25)
TICK_S = 0.25  # a power of two: instants are exact


class Play:
    """Arrivals, talk and ends in one mode; a due cut ends its call."""

    def __init__(self, mode: Mode, sold: Plan) -> None:
        self.world = World(mode, sold)
        self.stopped: list[bool] = []
        self._due: dict[Channel, float] = {}

    def through(self, steps: list[tuple[Any, ...]]) -> list[bool]:
        """Return which arrivals and forwards were, or would have been, refused."""
        for number, (what, how, legs) in enumerate(steps):
            self._pass(how if what == "talk" else TICK_S)
            if what == "arrive":
                self.stopped.append(_arrive(self.world, number, how, legs))
            elif what == "forward" and how < number and steps[how][:2] == IN[:2]:
                self.stopped.append(self._forward(number, how, by_phone=bool(legs)))
            elif what == "end":
                self._end(str(how))
            self._note_cuts()
        return self.stopped

    def _end(self, call: str) -> None:
        """End a call, and what it forwarded."""
        for known in list(self.world.ledger.channels):
            if known.uniqueid == call or known.uniqueid.startswith(f"{call}-"):
                self.world.hangs_up(self.world.seen(known.uniqueid))

    def _forward(self, number: int, call: int, *, by_phone: bool) -> bool:
        """Let a call that came in go out again; a refusal ends the channel that asked.

        In a call that enforce mode would have ended nothing is refused: it asks nobody.
        """
        world, origin = self.world, self.world.seen(str(call), f"PJSIP/carrier-{call}")
        known = world.ledger.channels.get(origin.key)
        if known is None or known.would_be_gone("acme"):
            return False
        asker = origin
        if by_phone:
            one, two = (
                world.seen(f"{call}-{number}-{half}", f"Local/0155501@x-{number};{half}", state=0)
                for half in (1, 2)
            )
            world.dials(origin, one)
            world.local(one, two)
            asker = two
        verdict = world.hook(asker.key.uniqueid, name=asker.name, linkedid=str(call))
        decided = next(f for f in reversed(world.facts) if isinstance(f, AdmissionDecided))
        if not verdict.admit:
            if by_phone:
                world.hangs_up(one)
                world.hangs_up(two)
            else:
                self._end(str(call))
            return True
        leg = world.seen(f"{call}-{number}-out", f"PJSIP/carrier-{number}0", state=0)
        world.dials(asker, leg._replace(linkedid=str(call)))
        world.answers(leg)
        return decided.decision.outcome is Outcome.WOULD_REFUSE

    def _note_cuts(self) -> None:
        for channel, in_s in self.world.cuts:
            self._due[channel] = self.world.clock.passed_s + in_s
        self.world.cuts.clear()

    def _pass(self, seconds: float) -> None:
        clock = self.world.clock
        end_s = clock.passed_s + seconds
        while clock.passed_s < end_s:
            until_s = clock.passed_s + TICK_S
            while self._due and min(self._due.values()) <= until_s:
                self._cut(min(self._due, key=lambda channel: self._due[channel]))
            clock.passed_s = until_s
            self.world.cutter.tick(clock.now(), clock.monotonic())
            self._note_cuts()

    def _cut(self, leg: Channel) -> None:
        self.world.clock.passed_s = self._due.pop(leg)
        for channel in tuple(leg.call.channels) if leg.call else ():
            self._due.pop(channel, None)
            self.world.hangs_up(self.world.seen(channel.key.uniqueid))
        self._note_cuts()


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
        dialled = world.seen(f"{number}-{leg}", f"PJSIP/{end}-{number}0{leg}", state=0)
        world.born(dialled)
        world.dials(caller, dialled)
    if legs % 2:  # the first leg answers, the others of a fork ring on
        world.answers(world.seen(f"{number}-0", f"PJSIP/{end}-{number}00"))
        world.answers(caller)
    return decided.decision.outcome is Outcome.WOULD_REFUSE


OUTBOUND_ONLY = frozenset({LegDirection.OUTBOUND})
ALLOWANCES = st.one_of(
    st.just({}),
    st.builds(
        lambda minutes, both: {
            "included_minutes": minutes,
            "overage": Overage.BLOCK,
            "included_directions": frozenset(LegDirection) if both else OUTBOUND_ONLY,
        },
        st.integers(0, 2),
        st.booleans(),
    ),
)
INCREMENTS = st.sampled_from([BillingIncrement(1, 1), BillingIncrement(60, 60)])


ONE_MINUTE: dict[str, Any] = {"included_minutes": 1, "overage": Overage.BLOCK}
OUT, IN, ON = ("arrive", Direction.OUTBOUND, 1), ("arrive", Direction.INBOUND, 1), ("talk", 70, 0)
FORWARD, END = ("forward", 0, 1), ("end", 0, 0)


@given(limits(), ALLOWANCES, INCREMENTS, STEPS)
@example({"max_calls": 1}, ONE_MINUTE, BillingIncrement(1, 1), [OUT, ON, IN, OUT])
@example({"max_trunk_legs": 1}, ONE_MINUTE, BillingIncrement(60, 60), [OUT, ON, IN, IN, OUT])
@example(
    {"max_outbound_calls": 1}, {}, BillingIncrement(1, 1), [IN, FORWARD, OUT, ("end", 0, 0), OUT]
)
@example({"max_outbound_calls": 0}, {}, BillingIncrement(1, 1), [IN, FORWARD, IN, IN])
@example(
    {"max_outbound_calls": 1}, {}, BillingIncrement(1, 1), [OUT, IN, ("forward", 1, 1), END, OUT]
)
@settings(deadline=None, max_examples=600)
def test_log_would_block_exactly_what_enforce_blocks(
    caps: dict[str, int],
    allowance: dict[str, Any],
    increment: BillingIncrement,
    steps: list[tuple[Any, ...]],
) -> None:
    sold = replace(plan(**caps), billing_increment=increment, **allowance)
    log = Play(Mode.LOG, sold).through(steps)
    assert log == Play(Mode.ENFORCE, sold).through(steps)
    assert not any(Play(Mode.OFF, sold).through(steps))


def test_the_law_knows_calls_that_are_cut_and_calls_that_the_allowance_refuses() -> None:
    sold = replace(plan(max_calls=1), billing_increment=BillingIncrement(1, 1), **ONE_MINUTE)
    assert Play(Mode.ENFORCE, sold).through([OUT, ON, IN, ("end", 2, 0), OUT]) == [
        False,
        False,
        True,
    ]


PBX = st.sampled_from(["pbx1", "pbx2"])
TENANT = st.sampled_from(["acme", "globex", ""])
CHANNEL = st.integers(0, 5)
TAKING_PART = st.lists(CHANNEL, min_size=2, max_size=4)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("hook"), PBX, CHANNEL, TENANT),
        st.tuples(st.just("born"), PBX, CHANNEL, st.just("")),
        st.tuples(st.just("dial"), PBX, CHANNEL, CHANNEL),
        st.tuples(st.just("answer"), PBX, CHANNEL, st.just("")),
        st.tuples(st.just("bridge"), PBX, CHANNEL, st.integers(0, 1)),
        st.tuples(st.just("local"), PBX, CHANNEL, CHANNEL),
        st.tuples(
            st.just("transfer"), PBX, st.lists(CHANNEL, min_size=2, max_size=4), st.booleans()
        ),
        st.tuples(st.just("hangup"), PBX, CHANNEL, st.just("")),
    ),
    max_size=40,
)


def _channel(world: World, pbx: str, number: int) -> ChannelSeen:
    """Return a channel: even ones are phones, odd ones carriers, the last half of a Local pair."""
    name = f"PJSIP/{'carrier' if number % 2 else 'phone'}-{number}"
    return world.seen(str(number), "Local/1@x-5;1" if number == 5 else name, pbx=pbx)


HALF_OF_TWO_PAIRS = [
    ("local", "pbx1", 1, 2),
    ("local", "pbx1", 0, 1),
    ("hangup", "pbx1", 1, ""),
    ("dial", "pbx1", 0, 2),
]


@given(EVENTS, st.sampled_from(Mode), limits())
@example(HALF_OF_TWO_PAIRS, Mode.ENFORCE, {})
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


def _tell(world: World, what: str, pbx: str, number: Any, how: Any) -> None:
    world.clock.passed_s += 0.01
    if what == "transfer":
        world.transfers([_channel(world, pbx, each) for each in number], done=how)
        return
    channel = _channel(world, pbx, number)
    if what == "hook":
        world.hook(str(number), how, pbx=pbx, name=channel.name)
    elif what == "born":
        world.born(channel)
    elif what == "dial" and how != number:
        world.dials(channel, _channel(world, pbx, how))
    elif what == "local" and how != number:
        world.local(channel, _channel(world, pbx, how))
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
