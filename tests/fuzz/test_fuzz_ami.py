"""The manager's stream: corrupted events track nothing wrong, and the next good call is counted."""

from __future__ import annotations

from hypothesis import strategies as st

from pbxbilling.ami.messages.mapping import SIGNALS, signal_of
from pbxbilling.ami.messages.protocol import Framer, event_name
from pbxbilling.ami.messages.repair import Repair
from pbxbilling.calls.live.signals import OF_THE_PBX, Signal
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.codes import Mode
from tests.support.calls.world import World
from tests.support.house.corpus import SIZES, examples, explore, pieces, recorded, spoiled

TENANTS = ("acme", "globex")
BANNER = b"Asterisk Call Manager/9.0.0\r\n"
BACKLOG_BYTES = 2 << 20


def signals(world: World, sent: bytes, sizes: list[int]) -> list[Signal]:
    """Return the link's signals for these bytes; the bytes it holds back stay few."""
    framer, mender = Framer(), Repair("ours-")
    found = []
    for piece in pieces(sent, sizes):
        for block in mender.take(framer.feed(piece), more=framer.begun):
            name = event_name(block)
            signal = signal_of("pbx1", name, block) if name in SIGNALS else None
            if signal is not None:
                found.append(signal)
        assert len(framer._rest) < BACKLOG_BYTES
    return found


def a_good_call(world: World) -> None:
    """Check that a good call is admitted, counted, and gone when it ends."""
    caller, trunk = world.seen("9.9"), world.seen("9.10", "PJSIP/carrier-99")
    calls = len(world.ledger.calls)
    world.born(caller)
    assert world.hook("9.9").admit
    world.dials(caller, trunk)
    world.answers(trunk)
    assert len(world.ledger.calls) == calls + 1
    for channel in (trunk, caller):
        world.hangs_up(channel)
    assert len(world.ledger.calls) == calls


@examples
def test_spoiled_streams_leave_a_ledger_that_adds_up(examples: int) -> None:
    def check(sent: tuple[bytes, list[int]]) -> None:
        world = World(Mode.ENFORCE, Plan("plan"), TENANTS)
        for signal in signals(world, BANNER + sent[0], sent[1]):
            if not isinstance(signal, OF_THE_PBX):
                world.tracker.apply(signal)
        for tenant in TENANTS:
            assert world.ledger.load(tenant) == world.recount(tenant)
        a_good_call(world)

    explore(st.tuples(spoiled(recorded(".ami")), SIZES), check, examples)
