"""The rules of docs/reference/calls.md, one by one."""

from __future__ import annotations

import pytest

from pbxbilling.calls.live import signals
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import ClockDisagreed, LegEnded
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.pbx_facts import LinkDown, LinkRetryFailed
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.calls.live.signals import Snapshot
from pbxbilling.calls.recovery.reconcile import ROWS_A_STEP
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Reason
from tests.support.calls.world import World, done, plan

CARRIER = "PJSIP/carrier-1"


def enforcing(**limits: int) -> World:
    return World(Mode.ENFORCE, plan(**limits), ("acme", "globex"))


def snapshot(world: World, *rows: signals.ChannelSeen, complete: bool = True) -> Snapshot:
    world.clock.passed_s += 60
    now = world.clock
    return Snapshot("pbx1", rows, complete, now.now(), now.monotonic())


def test_hook_and_newchannel_commute() -> None:
    loads = []
    for hook_first in (True, False):
        world = enforcing()
        if hook_first:
            world.hook("1")
        world.born(world.seen("1"))
        if not hook_first:
            world.hook("1")
        loads.append(world.ledger.load("acme"))
    assert loads == [Load(outbound=1, trunk_legs=1)] * 2


def test_newchannel_alone_never_counts() -> None:
    world = enforcing()
    world.born(world.seen("1"))
    assert not world.ledger.calls


def test_a_late_hook_of_a_hung_up_channel_reserves_nothing() -> None:
    world = enforcing()
    world.born(world.seen("1"))
    world.hangs_up(world.seen("1"))
    assert world.hook("1").admit
    assert world.ledger.load("acme") == Load()


def test_a_fork_to_three_is_one_call_of_three_legs_on_one_reservation() -> None:
    world = enforcing(max_calls=1, max_trunk_legs=1)
    caller = world.seen("1")
    world.hook("1")
    for leg in range(3):
        world.dials(caller, world.seen(f"1-{leg}", f"PJSIP/carrier-{leg}", state=0))
    assert world.ledger.load("acme") == Load(outbound=1, trunk_legs=3)


def test_a_refused_channel_and_its_legs_never_count() -> None:
    world = enforcing(max_calls=0)
    caller = world.seen("1")
    verdict = world.hook("1")
    assert (verdict.admit, verdict.reason, verdict.cause) == (False, Reason.MAX_CALLS, 17)
    leg = world.seen("2", CARRIER, state=0)
    world.dials(caller, leg)
    world.answers(leg)
    assert not world.ledger.calls
    world.hangs_up(leg)
    (ended,) = [fact for fact in world.facts if isinstance(fact, LegEnded)]
    assert ended.leg.tenant == "acme"  # its cost remains its tenant's


def test_a_second_hook_of_the_same_tenant_takes_no_second_slot() -> None:
    world = enforcing(max_calls=1)
    caller, leg = world.seen("1"), world.seen("2", CARRIER, state=0)
    first = world.hook("1")
    world.dials(caller, leg)
    again = world.hook("2", tenant="", name=CARRIER, linkedid="1")
    assert (again.admit, again.call, again.tenant) == (True, first.call, "acme")
    assert len(world.ledger.calls) == 1


def test_another_tenants_hook_opens_its_call_and_takes_no_leg_that_exists() -> None:
    world = enforcing()
    caller, leg = world.seen("1"), world.seen("2", CARRIER, state=0)
    world.hook("1")
    world.dials(caller, leg)
    world.hook("2", tenant="globex", name=CARRIER, linkedid="1")
    after = world.seen("3", "PJSIP/carrier-3", state=0)
    world.dials(leg, after)
    owner = {c.key.uniqueid: c.call.tenant for c in world.ledger.channels.values() if c.call}
    assert owner == {"1": "acme", "2": "acme", "3": "globex"}


def test_a_bridge_joins_two_calls_under_the_older_ones_id() -> None:
    world = enforcing()
    first = world.hook("1").call
    world.clock.passed_s += 1
    world.hook("2")
    world.bridges(world.seen("1"), "b")
    world.bridges(world.seen("2"), "b")
    assert list(world.ledger.calls) == [first]
    assert world.ledger.load("acme").outbound == 1


def test_a_call_without_a_tenant_that_joins_a_tenants_call_counts_for_the_tenant() -> None:
    world = enforcing()
    world.answers(world.seen("1"))
    world.clock.passed_s += 1
    world.hook("2")
    world.dials(world.seen("1"), world.seen("2"))
    assert len(world.ledger.calls) == 1
    assert world.ledger.load("acme") == world.recount("acme") == Load(internal=1, trunk_legs=1)


def test_a_tenant_without_a_hook_counts_from_its_answer() -> None:
    world = enforcing()
    leg = world.seen("1", CARRIER)
    world.born(leg)
    world.answers(leg)
    (call,) = world.ledger.calls.values()
    assert (call.hooked, call.direction) == (False, Direction.INBOUND)


def test_talk_ends_at_the_first_hangup_request() -> None:
    world = enforcing()
    leg = world.seen("2", CARRIER, state=0)
    world.hook("1")
    world.dials(world.seen("1"), leg)
    world.answers(leg)
    world.clock.passed_s += 61
    world.asks_to_end(leg)
    world.clock.passed_s += 2  # its `h` extension
    world.hangs_up(leg)
    (ended,) = [fact for fact in world.facts if isinstance(fact, LegEnded)]
    assert (ended.leg.talk_us, ended.leg.billed_s) == (61_000_000, 120)
    assert ended.leg.direction is LegDirection.OUTBOUND


def test_a_stepped_clock_is_reported_and_the_monotonic_one_counts() -> None:
    world = enforcing()
    leg = world.seen("2", CARRIER)
    world.born(leg)
    world.answers(leg)
    world.clock.passed_s += 10
    hour_back = world.clock.now().replace(hour=11)
    world.tracker.apply(signals.Hangup(leg.key, hour_back))
    (ended,) = [fact for fact in world.facts if isinstance(fact, LegEnded)]
    assert ended.leg.talk_us == 10_000_000
    assert any(isinstance(fact, ClockDisagreed) for fact in world.facts)


@pytest.mark.parametrize("number", ["112", "1 1 2"])
def test_an_emergency_passes_every_limit_and_is_flagged(number: str) -> None:
    verdict = enforcing(max_calls=0).hook("1", number=number)
    assert (verdict.admit, verdict.reason, verdict.flags) == (
        True,
        Reason.EMERGENCY,
        ("emergency",),
    )


def test_a_stale_pbx_refuses_no_call_and_the_other_is_judged_by_its_own_counts() -> None:
    world = enforcing(max_calls=1)
    world.hook("1", pbx="pbx1")
    assert world.hook("2", pbx="pbx2").reason is Reason.MAX_CALLS
    world.reconciler.link_down("pbx1", "cut", None)
    world.clock.passed_s += 31
    assert world.hook("3", pbx="pbx1").reason is Reason.UNRECONCILED
    assert world.hook("4", pbx="pbx2").reason is Reason.OK
    assert world.hook("5", pbx="pbx2").reason is Reason.MAX_CALLS


def test_an_outage_is_reported_once_however_often_the_link_is_tried() -> None:
    world = enforcing()
    for outage in ("first", "second"):
        for attempt in range(3):
            world.reconciler.link_down("pbx1", f"{outage} {attempt}", None)
        world.reconciler.link_up("pbx1", uptime_s=None)
    told = [fact.reason for fact in world.facts if isinstance(fact, LinkDown)]
    again = [fact.reason for fact in world.facts if isinstance(fact, LinkRetryFailed)]
    assert told == ["first 0", "second 0"]
    assert again == ["first 1", "first 2", "second 1", "second 2"]


def test_an_incomplete_snapshot_releases_nothing() -> None:
    world = enforcing()
    world.hook("1")
    world.born(world.seen("1"))
    for _ in range(3):
        done(world.reconciler.apply(snapshot(world, complete=False)))
    assert world.ledger.load("acme").outbound == 1


def test_two_complete_snapshots_without_a_channel_close_it_and_mark_the_end() -> None:
    world = enforcing()
    leg = world.seen("1", CARRIER)
    world.hook("1", name=CARRIER, direction=Direction.INBOUND)
    world.born(leg)
    world.answers(leg)
    assert done(world.reconciler.apply(snapshot(world)))
    assert world.ledger.calls
    done(world.reconciler.apply(snapshot(world)))
    assert not world.ledger.calls
    (ended,) = [fact for fact in world.facts if isinstance(fact, LegEnded)]
    assert ended.leg.witness is EndWitness.UNLISTED


def test_a_call_that_is_admitted_in_the_middle_of_a_snapshot_lives_on() -> None:
    world = enforcing()
    rows = [world.seen(str(number), CARRIER) for number in range(2 * ROWS_A_STEP)]
    steps = world.reconciler.apply(snapshot(world, *rows))
    next(steps)
    world.clock.passed_s += 1
    world.hook("new")
    world.born(world.seen("new"))
    assert done(steps) is False
    assert world.ledger.load("acme").outbound == 1
    assert len(world.ledger.channels) == len(rows) + 1


def test_a_link_that_falls_in_the_middle_of_a_snapshot_stays_doubtful() -> None:
    world = enforcing(max_calls=0)
    steps = world.reconciler.apply(snapshot(world, world.seen("1")))
    next(steps)
    world.reconciler.link_down("pbx1", "cut", None)
    done(steps)
    assert world.hook("2").reason is Reason.MAX_CALLS
    world.clock.passed_s += 31
    assert world.hook("3").reason is Reason.UNRECONCILED


def test_a_restarted_pbx_ends_its_calls_at_the_last_proof_of_life() -> None:
    world = enforcing()
    leg = world.seen("1", CARRIER)
    world.born(leg)
    world.answers(leg)
    world.clock.passed_s += 5
    heard_at = world.clock.now()
    world.reconciler.link_down("pbx1", "cut", heard_at, world.proof())
    world.clock.passed_s += 20
    world.reconciler.link_up("pbx1", uptime_s=3)
    assert not done(world.reconciler.apply(snapshot(world)))
    (ended,) = [fact for fact in world.facts if isinstance(fact, LegEnded)]
    assert (ended.leg.ended_at, ended.leg.talk_us) == (heard_at, 5_000_000)
    assert not world.reconciler.disproves_boot("pbx1")


@pytest.mark.parametrize("met_before", [True, False])
def test_a_young_pbx_whose_link_fell_has_not_restarted(*, met_before: bool) -> None:
    """Born at 0.0, last seen at 0.6, back at 1.9: its uptime says 1, yet it was not born at 0.9."""
    world = enforcing()
    if met_before:
        world.clock.passed_s = 0.2
        world.reconciler.link_up("pbx1", uptime_s=0)
    world.hook("1")
    world.born(world.seen("1"))
    world.clock.passed_s = 0.6
    world.reconciler.link_down("pbx1", "cut", world.clock.now())
    world.clock.passed_s = 1.9
    world.reconciler.link_up("pbx1", uptime_s=1)
    done(world.reconciler.apply(snapshot(world, world.seen("1"))))
    assert len(world.ledger.calls) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_no_clock_ends_a_call_that_its_pbx_lists(*, whole: bool) -> None:
    """The PBX's clock was set back an hour: it claims a birth after its last message."""
    world = enforcing()
    world.reconciler.link_up("pbx1", uptime_s=1800)
    for uniqueid in ("1", "2"):
        world.hook(uniqueid)
        world.born(world.seen(uniqueid))
    world.reconciler.link_down("pbx1", "cut", world.clock.now())
    world.clock.passed_s += 20
    world.reconciler.link_up("pbx1", uptime_s=1820 - 3600)
    assert len(world.ledger.calls) == 2
    done(world.reconciler.apply(snapshot(world, world.seen("1"), complete=whole)))
    done(world.reconciler.apply(snapshot(world, world.seen("1"))))
    assert world.reconciler.disproves_boot("pbx1")
    assert len(world.ledger.calls) == 2 - whole  # "2" ended unseen: two snapshots


def test_a_restart_found_at_a_later_login_ends_calls_when_the_first_run_was_last_heard() -> None:
    world = enforcing()
    leg = world.seen("1", CARRIER)
    world.born(leg)
    world.answers(leg)
    heard_at = world.clock.now()
    for _ in range(2):
        world.reconciler.link_down("pbx1", "cut", world.clock.now())
        world.clock.passed_s += 20
        world.reconciler.link_up("pbx1", uptime_s=3 + 20 * (world.clock.passed_s > 30))
        done(world.reconciler.apply(snapshot(world, complete=False)))
    done(world.reconciler.apply(snapshot(world)))
    (ended,) = [fact for fact in world.facts if isinstance(fact, LegEnded)]
    assert ended.leg.ended_at == heard_at


def test_a_pbx_that_died_and_came_back_within_a_second_has_restarted() -> None:
    world = enforcing()
    world.reconciler.link_up("pbx1", uptime_s=100)
    world.hook("1")
    world.born(world.seen("1"))
    world.clock.passed_s = 20.0
    world.reconciler.link_down("pbx1", "killed", world.clock.now())
    world.clock.passed_s = 21.9  # born at 20.2
    world.reconciler.link_up("pbx1", uptime_s=1)
    done(world.reconciler.apply(snapshot(world)))
    assert not world.ledger.calls


def test_a_restart_within_a_second_of_the_last_event_ends_unlisted_channels_at_that_event() -> None:
    """A freshly started daemon has no earlier uptime to compare with."""
    world = enforcing()
    leg = world.seen("1", CARRIER)
    world.born(leg)
    world.answers(leg)
    world.clock.passed_s = 20.0
    heard_at = world.clock.now()
    world.reconciler.link_down("pbx1", "killed", heard_at, world.proof())
    world.clock.passed_s = 21.9  # born at 20.2
    world.reconciler.link_up("pbx1", uptime_s=1)
    done(world.reconciler.apply(snapshot(world)))
    (ended,) = [fact for fact in world.facts if isinstance(fact, LegEnded)]
    assert (ended.leg.ended_at, ended.leg.witness) == (heard_at, EndWitness.ESTIMATED)


def test_a_hook_of_a_pbx_that_is_up_again_before_its_link_keeps_its_slot() -> None:
    world = enforcing()
    world.reconciler.link_up("pbx1", uptime_s=100)
    world.hook("1")
    world.born(world.seen("1"))
    world.clock.passed_s = 20.0
    world.reconciler.link_down("pbx1", "killed", world.clock.now())
    world.clock.passed_s = 22.0
    world.hook("2")
    world.clock.passed_s = 23.0  # it was born at 21.5
    world.reconciler.link_up("pbx1", uptime_s=1)
    done(world.reconciler.apply(snapshot(world)))
    (call,) = world.ledger.calls.values()
    assert call.askers[0].key.uniqueid == "2"


def test_a_reservation_expires_on_proof_alone() -> None:
    world = enforcing()
    world.hook("1")
    world.clock.passed_s += 9
    assert world.reconciler.unconfirmed() == []
    world.clock.passed_s += 300
    (channel,) = world.reconciler.unconfirmed()
    assert world.ledger.load("acme").outbound == 1
    world.reconciler.expire(channel)
    assert world.ledger.load("acme") == Load()


def test_live_legs_share_what_is_left_of_a_hard_allowance() -> None:
    hard = Plan("plan", included_minutes=1, overage=Overage.BLOCK)
    world = World(Mode.ENFORCE, hard)
    for number in (1, 2):
        leg = world.seen(f"{number}", f"PJSIP/carrier-{number}", state=0)
        world.hook(f"a{number}")
        world.dials(world.seen(f"a{number}"), leg)
        world.answers(leg)
    first = ChannelKey("pbx1", "1")
    armed = [in_s for channel, in_s in world.cuts if channel.key == first]
    assert armed == [60.0, 30.0]


def test_unlimited_minutes_are_never_used_up_though_the_plan_is_hard() -> None:
    world = World(Mode.ENFORCE, Plan("plan", included_minutes=None, overage=Overage.BLOCK))
    leg = world.seen("1", "PJSIP/carrier-1", state=0)
    world.hook("a1")
    world.dials(world.seen("a1"), leg)
    world.answers(leg)
    assert world.cuts == []


def test_a_leg_has_the_number_that_it_was_dialled_for_not_that_of_its_call() -> None:
    world = enforcing()
    coming = world.seen("1", CARRIER)
    world.born(coming)
    world.hook("1", direction=Direction.INBOUND, name=CARRIER, number="15550100")
    world.answers(coming)
    world.hook("2", linkedid="1", number="4915112345", name="Local/mobile@fwd-1;2")
    going = world.seen("3", "PJSIP/carrier-3", state=0)
    world.dials(world.seen("2", "Local/mobile@fwd-1;2"), going)
    world.answers(going)
    for leg in (going, coming):
        world.hangs_up(leg)
    legs = [fact.leg for fact in world.facts if isinstance(fact, LegEnded)]
    assert [(leg.direction, leg.number) for leg in legs] == [
        (LegDirection.OUTBOUND, "4915112345"),
        (LegDirection.INBOUND, "15550100"),
    ]
    assert len({leg.call for leg in legs}) == 1


@pytest.mark.parametrize(("in_allowance", "armed_s"), [(False, []), (True, [60.0])])
def test_a_destination_draws_on_a_hard_allowance_only_where_it_is_in_it(
    in_allowance: bool, armed_s: list[float]
) -> None:
    rates = (DestinationRate("44", 120_000, in_allowance=in_allowance),)
    hard = Plan("plan", included_minutes=1, overage=Overage.BLOCK, destinations=rates)
    world = World(Mode.ENFORCE, hard)
    leg = world.seen("1", "PJSIP/carrier-1", state=0)
    world.hook("2", number="+4420")
    world.dials(world.seen("2"), leg)
    world.answers(leg)
    assert [in_s for _, in_s in world.cuts] == armed_s
    world.clock.passed_s += 30
    world.hangs_up(leg)
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    assert (ended.billed_s, ended.allowance_s) == (60, 60 if in_allowance else 0)
