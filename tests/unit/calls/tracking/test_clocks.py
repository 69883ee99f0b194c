"""Stepped wall clocks, ours and the PBX's, at any moment and turn of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.journal.journal import JournalRow
from pbxbilling.calls.live import signals
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import ClockDisagreed, CutArmed, LegEnded
from pbxbilling.calls.live.records import EndWitness, LegRecord
from pbxbilling.calls.tracking.restore import restore
from pbxbilling.catalog.plan import BillingIncrement, Overage, Plan
from pbxbilling.kernel.codes import Mode
from tests.support.calls.journal_rows import EPOCH_S, at, row
from tests.support.calls.recovery import ListedJournal, Run
from tests.support.calls.world import World
from tests.support.store import records as store_records
from tests.support.store.memory_store import MemoryStore

HOUR_S = 3600.0
INCLUDED_S = 100_000 * 60
TRUNK = "PJSIP/carrier-00000001"
HARD = Plan(
    "hard",
    included_minutes=INCLUDED_S // 60,
    overage=Overage.BLOCK,
    billing_increment=BillingIncrement(1, 1),
)

# A few minutes before the calendar turns in the tenant's time zone.
TURNS = st.sampled_from(
    [
        (datetime(2026, 10, 31, 22, 55, tzinfo=UTC), "Europe/Berlin"),  # a month's end
        (datetime(2026, 10, 25, 0, 55, tzinfo=UTC), "Europe/Berlin"),  # 02:55 comes twice
        (datetime(2026, 3, 29, 0, 55, tzinfo=UTC), "Europe/Berlin"),  # 02:00 to 03:00 is skipped
        (datetime(2028, 2, 28, 23, 55, tzinfo=UTC), "UTC"),  # a leap day
        (datetime(2028, 2, 29, 23, 55, tzinfo=UTC), "UTC"),  # and its month's end
        (datetime(2026, 12, 31, 23, 55, tzinfo=UTC), "UTC"),
        (datetime(2026, 11, 1, 3, 55, tzinfo=UTC), "America/New_York"),  # both in one night
    ]
)
STEPS = st.sampled_from([-86_400.0, -HOUR_S, -3.0, 0.0, 3.0, HOUR_S, 86_400.0])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("passes"), st.floats(0.0, 400.0)),
        st.tuples(st.just("ours"), STEPS),
        st.tuples(st.just("theirs"), STEPS),
        st.tuples(st.just("answers"), st.just(0.0)),
        st.tuples(st.just("ends"), st.just(0.0)),
        st.tuples(st.just("asks to end"), st.just(0.0)),
        st.tuples(st.just("link falls"), st.just(0.0)),
    ),
    min_size=3,
    max_size=25,
)


class Night:
    """Calls that begin, talk and end, with their true talk times."""

    def __init__(self, start: datetime, timezone: str) -> None:
        self.world = World(Mode.ENFORCE, HARD, start=start, timezone=timezone)
        self.world.reconciler.link_up("pbx1", uptime_s=1000)
        self.live: dict[str, float] = {}  # uniqueid → begin
        self.asked: dict[str, float] = {}
        self.talked_us: dict[str, int] = {}
        self._number = 0

    def play(self, act: str, much: float) -> None:
        match act:
            case "passes":
                self.world.clock.passed_s += round(much, 3)
                self.world.cutter.tick(self.world.clock.now(), self.world.clock.monotonic())
            case "ours":
                self.world.clock.ahead_s = much
            case "theirs":
                self.world.pbx_ahead_s = much
            case "answers":
                self._answer()
            case "link falls":
                self._fall()
            case _ if self.live:
                self._end(next(iter(self.live)), told=act == "ends")

    def _answer(self) -> None:
        self._number += 1
        uniqueid = str(self._number)
        self.world.hook(uniqueid)
        trunk = self.world.seen(f"{uniqueid}.t", TRUNK, state=0)
        self.world.born(self.world.seen(uniqueid))
        self.world.dials(self.world.seen(uniqueid), trunk)
        self.world.answers(trunk)
        self.live[uniqueid] = self.world.clock.passed_s

    def _end(self, uniqueid: str, *, told: bool) -> None:
        trunk = self.world.seen(f"{uniqueid}.t", TRUNK)
        if not told:
            self.asked.setdefault(uniqueid, self.world.clock.passed_s)
            self.world.asks_to_end(trunk)
            return
        ended = self.asked.get(uniqueid, self.world.clock.passed_s)
        self.talked_us[trunk.key.uniqueid] = round((ended - self.live.pop(uniqueid)) * 1_000_000)
        self.world.hangs_up(trunk)
        self.world.hangs_up(self.world.seen(uniqueid))

    def _fall(self) -> None:
        """Drop the link and reconnect: Asterisk computes its uptime from its own wall clock."""
        world, mono = self.world, self.world.clock.monotonic()
        heard_at = world.clock.now()
        world.reconciler.link_down("pbx1", "cut", heard_at)
        world.reconciler.link_up("pbx1", uptime_s=world.clock.passed_s + 1000 + world.pbx_ahead_s)
        listed = [world.seen(u) for u in self.live]
        listed += [world.seen(f"{u}.t", TRUNK, state=6) for u in self.live]
        world.reconciler.apply(
            signals.Snapshot("pbx1", tuple(listed), True, world.clock.now(), mono)
        )

    def ended(self) -> list[LegRecord]:
        return [fact.leg for fact in self.world.facts if isinstance(fact, LegEnded)]


@given(TURNS, ACTS)
def test_no_stepped_clock_loses_or_makes_a_second(
    turn: tuple[datetime, str], acts: list[tuple[str, float]]
) -> None:
    night = Night(*turn)
    world = night.world
    (terms,) = [world.in_force.registry.terms("acme")]
    assert terms is not None
    for act, much in acts:
        night.play(act, much)
        assert len(world.ledger.calls) == len(night.live)
        now, mono = world.clock.now(), world.clock.monotonic()
        ended = night.ended()
        month = terms.tenant.period_at(now).month
        drawn_s = sum(leg.allowance_s for leg in ended if leg.month == month)
        talking_s = sum(world.clock.passed_s - since for since in night.live.values())
        left_s = world.allowances.remaining_s(terms, now, mono)
        assert left_s == pytest.approx(INCLUDED_S - drawn_s - talking_s)
    assert {leg.key.uniqueid: leg.talk_us for leg in night.ended()} == pytest.approx(
        night.talked_us, abs=1
    )
    assert all(leg.witness is EndWitness.LIVE for leg in night.ended())
    for leg in night.ended():
        assert leg.ended_at is not None
        assert leg.month == terms.tenant.period_at(leg.ended_at).month


def test_our_clock_set_forth_cuts_no_call_that_was_taken_up_after_a_restart() -> None:
    world = World(Mode.ENFORCE, Plan("hard", included_minutes=10, overage=Overage.BLOCK))
    now = world.clock.now()
    leg = store_records.leg(
        key=ChannelKey("pbx1", "1"), call=None, channel=TRUNK, started_at=now, answered_at=now
    )
    world.clock.passed_s += 60
    restore(world.ledger, [], [leg], {}, {}, world.clock)
    channel = world.ledger.channels[leg.key]
    world.tracker.open_unhooked(channel, world.clock.now(), world.clock.monotonic())
    world.meter.resume(world.ledger.channels.values(), world.clock.now(), world.clock.monotonic())
    world.clock.ahead_s = HOUR_S
    world.cutter.rearm_all(world.clock.now(), world.clock.monotonic())
    assert {fact.in_s for fact in world.facts if isinstance(fact, CutArmed)} == {540.0}


def test_an_end_known_from_the_journal_alone_is_no_later_than_when_it_was_read() -> None:
    """The PBX's clock was set forward an hour while our link was down."""
    world = World(Mode.ENFORCE, HARD)
    trunk = world.seen("1", TRUNK)
    world.hook("1", name=TRUNK)
    world.born(trunk)
    world.answers(trunk)
    world.clock.passed_s += 60
    world.pbx_ahead_s = HOUR_S
    world.tracker.close(trunk.key, world.stamp(), EndWitness.JOURNAL)
    (fact,) = [fact for fact in world.facts if isinstance(fact, ClockDisagreed)]
    assert (fact.by_stamps_s, fact.by_monotonic_s) == (HOUR_S + 60, 60)
    (ended,) = [fact.leg for fact in world.facts if isinstance(fact, LegEnded)]
    assert ended.talk_us == 60_000_000


# --- by the journal ------------------------------------------------------------------------------


def calls(number: int) -> list[JournalRow]:
    """Return so many overlapping inbound calls of acme, 50 s each."""
    rows = []
    for n in range(number):
        rows += [
            row("CHAN_START", 20 * n, n, TRUNK, exten="+15550100"),
            row("ANSWER", 20 * n + 5, n, TRUNK, exten="+15550100"),
            row("HANGUP", 20 * n + 55, n, TRUNK),
        ]
    return sorted(rows, key=lambda told: told.at)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(1, 8), STEPS, st.booleans()), max_size=6),
)
async def test_a_daemon_that_starts_with_another_time_counts_every_leg_once(
    number: int, lives: list[tuple[int, float, bool]]
) -> None:
    """Marks and records may be of the future or the past; a life ends by a kill or in order."""
    written, store, journal = calls(number), MemoryStore(), ListedJournal()
    for rows, ahead_s, flushed in [*lives, (len(written), 0.0, True)]:
        journal.rows += written[len(journal.rows) :][:rows]
        run = Run(store, journal, now=journal.rows[-1].at + timedelta(seconds=ahead_s))
        await run.take_up()
        await run.round()
        run.clock.ahead_s -= ahead_s
        await run.round()
        if flushed:
            await run.end()
    (usage,) = await store.usage()
    assert (usage.tenant, usage.calls, usage.talk_us) == ("acme", number, number * 50_000_000)


@given(st.integers(1, 4), st.integers(0, 12), STEPS)
async def test_a_pbx_whose_clock_is_stepped_loses_no_leg_and_talks_no_negative_second(
    number: int, whole: int, step_s: float
) -> None:
    step = timedelta(seconds=step_s)
    rows = [
        told._replace(at=told.at + step) if index >= whole else told
        for index, told in enumerate(calls(number))
    ]
    store = MemoryStore()
    run = Run(store, ListedJournal(rows), now=at(200_000))
    await run.end()
    legs = {key.uniqueid: leg for key, leg in store.known_legs.items()}
    assert list(legs) == [f"{EPOCH_S}.{n}" for n in range(number)]
    disagreed = [fact for fact in run.facts if isinstance(fact, ClockDisagreed)]
    for leg in legs.values():
        assert leg.talk_us == max(0, _by_stamps_us(leg))
        assert (leg.talk_us == 0) == any(fact.key == leg.key for fact in disagreed)


def _by_stamps_us(leg: LegRecord) -> int:
    assert leg.answered_at is not None
    assert leg.ended_at is not None
    return (leg.ended_at - leg.answered_at) // timedelta(microseconds=1)
