"""How full trunks are: every live leg counts, whoever's it is, and 80 % is told once."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.live.channel import ChannelKey, Trunks, endpoint_of
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.pbx_facts import TrunkHasRoom, TrunkNearlyFull
from pbxbilling.calls.trunk_use import CHANNELS_A_STEP, Capacities, TrunkUse
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import Fact
from tests.support.calls.world import World, done, plan
from tests.support.kernel.clock import START, Clock

TRUNKS = ("PJSIP/carrier*", "DAHDI/i1/*", "SIP/a-b")
ENDPOINTS = (
    "PJSIP/carrier", "PJSIP/carrier2", "PJSIP/phone", "DAHDI/i1/0155501", "DAHDI/i2/0155501",
    "SIP/a-b", "SIP/a", "Local/7@carrier",
)  # fmt: skip
KEYS = (
    "PJSIP/carrier", "PJSIP/carrier2", "PJSIP/carrier*", "PJSIP/*", "DAHDI/i1/*", "SIP/a-b", "*",
)  # fmt: skip


class Bench:
    """A ledger of two PBXes with channels that come and go, and what was published of trunks."""

    def __init__(self, capacities: Capacities) -> None:
        self.published: list[Fact] = []
        self.ledger = Ledger({pbx: Trunks(TRUNKS) for pbx in ("pbx1", "pbx2")}, lambda: "c")
        self.use = TrunkUse(self.ledger, Clock(START), self.published.append)
        self.use.change(capacities)
        self._number = 0

    def begin(self, endpoint: str, pbx: str = "pbx1", count: int = 1) -> None:
        for _ in range(count):
            self._number += 1
            key, name = ChannelKey(pbx, str(self._number)), f"{endpoint}-{self._number:08x}"
            self.ledger.channel(key, name, at=START, mono=0.0)

    def end(self, count: int = 1) -> None:
        for channel in list(self.ledger.channels.values())[:count]:
            self.ledger.remove(channel, at=START, mono=0.0)

    def masquerade(self, endpoint: str) -> None:
        for channel in list(self.ledger.channels.values())[:1]:
            self.ledger.rename(channel, f"{endpoint}-{channel.key.uniqueid}", START)

    def counted(self, pbx: str = "pbx1") -> dict[str, int]:
        done(self.use.count())
        return {view.trunk: view.used for view in self.use.of(pbx)}

    def told(self) -> list[tuple[type[Fact], str, int]]:
        """Return what was published since the last time."""
        facts, self.published[:] = list(self.published), []
        return [(type(fact), fact.trunk, fact.used) for fact in facts]  # type: ignore[attr-defined]


PBXES = st.sampled_from(["pbx1", "pbx2"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from(ENDPOINTS), PBXES),
        st.tuples(st.just("masquerade"), st.sampled_from(ENDPOINTS)),
        st.tuples(st.just("end")),
    ),
    max_size=40,
)


@given(STEPS, st.dictionaries(PBXES, st.dictionaries(st.sampled_from(KEYS), st.integers(1, 6))))
def test_each_live_trunk_leg_counts_for_each_trunk_that_matches_it(
    steps: Sequence[tuple[str, ...]], capacities: dict[str, dict[str, int]]
) -> None:
    bench = Bench(capacities)
    full: dict[tuple[str, str], bool] = {}
    for what, *given_ in steps:
        getattr(bench, what)(*given_)
        for pbx, trunks in capacities.items():
            legs = [
                endpoint_of(channel.name)
                for channel in bench.ledger.channels.values()
                if channel.trunk and channel.key.pbx == pbx
            ]
            expected = {key: sum(fnmatchcase(leg, key) for leg in legs) for key in trunks}
            assert bench.counted(pbx) == expected
            assert {view.trunk: view.channels for view in bench.use.of(pbx)} == trunks
        for fact in bench.published:
            assert isinstance(fact, TrunkNearlyFull | TrunkHasRoom)
            nearly = isinstance(fact, TrunkNearlyFull)
            assert full.get((fact.pbx, fact.trunk), False) is not nearly, "told once each"
            full[fact.pbx, fact.trunk] = nearly
        bench.published.clear()
        for pbx in capacities:
            for view in bench.use.of(pbx):
                if full.get((pbx, view.trunk), False):
                    assert 10 * view.used >= 7 * view.channels
                else:
                    assert 10 * view.used < 8 * view.channels


def test_80_percent_is_told_once_until_fewer_than_70_are_in_use() -> None:
    bench = Bench({"pbx1": {"PJSIP/carrier": 30}})
    bench.begin("PJSIP/carrier", count=23)
    assert bench.counted() == {"PJSIP/carrier": 23}
    assert bench.told() == []
    for _ in range(3):
        bench.begin("PJSIP/carrier")
        bench.counted()
    assert bench.told() == [(TrunkNearlyFull, "PJSIP/carrier", 24)]
    for _ in range(4):  # about the mark, in both directions
        bench.end(count=5)
        bench.counted()
        bench.begin("PJSIP/carrier", count=5)
        bench.counted()
    assert bench.told() == []
    bench.end(count=6)
    bench.counted()
    assert bench.told() == [(TrunkHasRoom, "PJSIP/carrier", 20)]


def test_more_legs_than_channels_are_counted_too() -> None:
    bench = Bench({"pbx1": {"PJSIP/carrier": 2}})
    bench.begin("PJSIP/carrier", count=3)
    assert bench.counted() == {"PJSIP/carrier": 3}


def test_legs_of_nobody_and_of_refused_callers_count_and_nothing_is_refused() -> None:
    world = World(Mode.ENFORCE, plan(max_calls=1))
    use = TrunkUse(world.ledger, world.clock, world.facts.append)
    use.change({"pbx1": {"PJSIP/carrier": 1}})
    assert world.hook("1.1").admit
    assert not world.hook("1.2").admit
    for nth in ("1.1", "1.2"):
        world.dials(world.seen(nth), world.seen(f"2.{nth}", f"PJSIP/carrier-{nth}"))
    world.dials(None, world.seen("3.1", "PJSIP/carrier-3"))
    done(use.count())
    (view,) = use.of("pbx1")
    assert view.used == 3
    assert world.hook("4.1", tenant="").admit


def test_a_reload_changes_the_capacity_and_keeps_what_was_counted() -> None:
    bench = Bench({"pbx1": {"PJSIP/carrier": 10}})
    bench.begin("PJSIP/carrier", count=8)
    bench.counted()
    assert bench.told() == [(TrunkNearlyFull, "PJSIP/carrier", 8)]
    bench.use.change({"pbx1": {"PJSIP/carrier": 20, "PJSIP/*": 9}})
    assert [(v.trunk, v.used, v.channels) for v in bench.use.of("pbx1")] == [
        ("PJSIP/carrier", 8, 20),
        ("PJSIP/*", 0, 9),
    ]
    bench.counted()
    assert bench.told() == [
        (TrunkHasRoom, "PJSIP/carrier", 8),
        (TrunkNearlyFull, "PJSIP/*", 8),
    ]


def test_a_trunk_that_the_file_names_no_more_is_forgotten_in_silence() -> None:
    bench = Bench({"pbx1": {"PJSIP/carrier": 1}})
    bench.begin("PJSIP/carrier")
    bench.counted()
    bench.told()
    fewer: list[Capacities] = [{"pbx1": {}}, {}]
    for capacities in fewer:
        bench.use.change(capacities)
        assert bench.counted() == {}
        assert bench.told() == []
    bench.use.change({"pbx1": {"PJSIP/carrier": 1}})
    bench.counted()
    assert bench.told() == [(TrunkNearlyFull, "PJSIP/carrier", 1)]


@pytest.mark.parametrize("after", [{"pbx2": {"PJSIP/carrier": 9}}, {"pbx1": {"PJSIP/*": 9}}, {}])
def test_a_reload_in_the_middle_of_a_count_gives_no_half_of_one(after: Capacities) -> None:
    bench = Bench({"pbx1": {"PJSIP/carrier": 1}})
    bench.begin("PJSIP/carrier", count=CHANNELS_A_STEP + 1)
    steps = bench.use.count()
    next(steps)
    bench.use.change(after)
    done(steps)
    assert bench.told() == []
    assert all(view.used == 0 for pbx in ("pbx1", "pbx2") for view in bench.use.of(pbx))


def test_a_count_of_many_channels_lets_others_in_between() -> None:
    bench = Bench({"pbx1": {"PJSIP/carrier": 9}})
    bench.begin("PJSIP/carrier", count=2 * CHANNELS_A_STEP + 1)
    assert len(list(bench.use.count())) == 3
