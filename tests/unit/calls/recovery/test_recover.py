"""Legs whose end only the journal shows: each is billed once, to its tenant."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pbxbilling.calls.journal.journal import JournalError, JournalRow
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.pbx_facts import (
    Corrected,
    CorrectionKind,
    JournalDisagreed,
    JournalDoubtful,
    JournalUnreadable,
)
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.records import EndWitness, LegRecord, UsageRow
from pbxbilling.calls.live.signals import ChannelSeen, Hangup, HangupRequest, Newchannel, Newstate
from pbxbilling.kernel.codes import Direction, LegDirection
from tests.support.calls.journal_rows import EPOCH_S, PHONE, TRUNK, at, hook, outbound, row
from tests.support.calls.recovery import KEY, PBX, ListedJournal, Run, recover
from tests.support.store import records as store_records
from tests.support.store.memory_store import MemoryStore


def leg_record(**changed: Any) -> LegRecord:
    known: dict[str, Any] = {
        "key": KEY,
        "call": None,
        "tenant": "globex",
        "channel": TRUNK,
        "linkedid": f"{EPOCH_S}.0",
        "caller": "21",
        "number": "3201",
        "started_at": at(2),
        "answered_at": at(10),
    }
    return store_records.leg(**(known | changed))


def seen(state: int = 0, age_s: float = 0.0) -> ChannelSeen:
    return ChannelSeen(KEY, TRUNK, state, linkedid=f"{EPOCH_S}.0", accountcode="acme", age_s=age_s)


class AskedStore(MemoryStore):
    """A store that lets something happen while it looks for legs."""

    def __init__(self) -> None:
        super().__init__()
        self.while_asked: Callable[[], None] | None = None

    async def legs(self, keys: Iterable[ChannelKey]) -> dict[ChannelKey, LegRecord]:
        found = await super().legs(keys)
        if self.while_asked is not None:
            self.while_asked()
        return found


@pytest.fixture
def store() -> AskedStore:
    return AskedStore()


# --- legs seen by the journal alone --------------------------------------------------------------


async def test_an_unseen_leg_is_billed_to_the_tenant_of_its_hook(store: MemoryStore) -> None:
    run = await recover(store, outbound())
    leg = store.known_legs[KEY]
    assert (leg.tenant, leg.direction, leg.number) == ("globex", LegDirection.OUTBOUND, "3201")
    assert (leg.talk_us, leg.billed_s, leg.allowance_s) == (60_500_000, 120, 120)
    assert (leg.ended_at, leg.witness, leg.month) == (at(70.5), EndWitness.JOURNAL, "2026-11")
    (correction,) = run.facts_of(Corrected)
    assert isinstance(correction, Corrected)
    assert (correction.kind, correction.key) == (CorrectionKind.SETTLED, KEY)


async def test_it_is_settled_once_however_often_it_is_read(store: MemoryStore) -> None:
    await recover(store, outbound())
    store.known_marks.clear()
    run = await recover(store, outbound())
    assert run.facts == []
    (usage,) = await store.usage()
    assert (usage.calls, usage.billed_s) == (1, 120)


async def test_an_unanswered_leg_leaves_no_record(store: MemoryStore) -> None:
    run = await recover(store, outbound(answers=None))
    assert not store.known_legs
    assert not run.facts


async def test_an_unhooked_leg_is_found_by_account_code_did_or_context(store: MemoryStore) -> None:
    rows = [
        row("CHAN_START", 0, 0, PHONE, exten="3201", context="from-globex"),
        row("CHAN_START", 1, 1, TRUNK, linked=0, exten="s"),
        row("ANSWER", 2, 1, TRUNK, linked=0),
        row("HANGUP", 3, 1, TRUNK, linked=0),
        row("CHAN_START", 4, 2, exten="+15550100"),
        hook(4, 2, "inbound|nobody-we-know|+15550100"),
        row("ANSWER", 5, 2),
        row("HANGUP", 6, 2),
        row("CHAN_START", 7, 3, exten="+15550999"),
        row("ANSWER", 8, 3),
        row("HANGUP", 9, 3),
    ]
    await recover(store, rows)
    assert [leg.tenant for leg in store.known_legs.values()] == ["globex", "acme", None]


async def test_an_emergency_is_flagged(store: MemoryStore) -> None:
    rows = outbound()
    rows[1] = hook(1, 0, "outbound|globex|112", channel=PHONE)
    await recover(store, rows)
    assert store.known_legs[KEY].emergency


async def test_a_leg_that_has_not_ended_waits(store: MemoryStore) -> None:
    run = await recover(store, outbound(ends=None))
    assert not store.known_legs
    run.journal.rows += outbound()[-2:]
    await run.round()
    await run.writer.flush()
    assert store.known_legs[KEY].talk_us == 60_500_000


async def test_a_leg_of_an_asterisk_that_was_killed_ends_at_its_last_row(
    store: MemoryStore,
) -> None:
    journal = ListedJournal([*outbound(ends=None), row("ANSWER", 40, 0, PHONE)])
    run = Run(store, journal)
    await run.round(booted_at=at(500))
    await run.writer.flush()
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.witness) == (at(40), EndWitness.ESTIMATED)


# --- legs that the store knows -------------------------------------------------------------------


async def test_an_estimated_end_gives_way_and_usage_follows(store: MemoryStore) -> None:
    estimated = leg_record(
        ended_at=at(400),
        witness=EndWitness.ESTIMATED,
        talk_us=390_000_000,
        billed_s=420,
        allowance_s=420,
        month="2026-11",
    )
    await store.commit([estimated])
    run = Run(store, ListedJournal(outbound()))
    run.allowances.load(
        [UsageRow("globex", "2026-11", LegDirection.OUTBOUND, 1, 390_000_000, 420, 420)]
    )
    await run.round()
    await run.writer.flush()
    assert store.known_legs[KEY].billed_s == 120
    assert run.allowances._used_s == {("globex", "2026-11"): 120}


@pytest.mark.parametrize(
    ("heard_s", "ends_s", "talk_us"),
    [
        (70.5, 70.5, 60_500_000),  # both report the same
        (70.55, 70.55, 60_550_000),  # two witnesses of one moment
        (70.9, 70.5, 60_500_000),  # AMI was late
        (68.2, 68.2, 58_200_000),  # an `h` extension ran: the request was received before
    ],
)
async def test_of_two_witnessed_ends_the_earlier_counts(
    store: MemoryStore, heard_s: float, ends_s: float, talk_us: int
) -> None:
    heard = round((heard_s - 10) * 1_000_000)
    await store.commit(
        [leg_record(ended_at=at(heard_s), witness=EndWitness.LIVE, talk_us=heard, billed_s=120)]
    )
    for _ in range(2):  # reading it again changes nothing
        await recover(store, outbound())
        store.known_marks.clear()
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.talk_us) == (at(ends_s), talk_us)


async def test_a_little_earlier_counts_where_it_is_charged(store: MemoryStore) -> None:
    await store.commit(
        [
            leg_record(
                ended_at=at(70.01),
                witness=EndWitness.LIVE,
                talk_us=60_010_000,
                billed_s=120,
                allowance_s=120,
                month="2026-11",
            )
        ]
    )
    await recover(store, outbound(ends=69.99))
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.billed_s, leg.witness) == (at(69.99), 60, EndWitness.JOURNAL)


@pytest.mark.parametrize("answered_s", [-300, 310])
async def test_an_end_by_another_clock_is_no_earlier_one(
    store: MemoryStore, answered_s: float
) -> None:
    """A PBX that stamps no events: AMI ends are by our clock, the journal's by the PBX's."""
    known = leg_record(
        started_at=at(answered_s - 8),
        answered_at=at(answered_s),
        ended_at=at(answered_s + 60.6),
        witness=EndWitness.LIVE,
        talk_us=60_600_000,
        billed_s=120,
    )
    await store.commit([known])
    await recover(store, outbound())
    assert store.known_legs[KEY] == known


async def test_a_stepped_clock_makes_no_leg_longer_by_its_earlier_end(store: MemoryStore) -> None:
    """The PBX's clock was set forward an hour in mid-call: our monotonic clock was used."""
    known = leg_record(
        ended_at=at(3670.9), witness=EndWitness.LIVE, talk_us=60_900_000, billed_s=120
    )
    await store.commit([known])
    await recover(store, outbound(ends=3670.5))
    assert store.known_legs[KEY].talk_us == 60_500_000


@pytest.mark.parametrize("fault", ["gap", "skipped"])
async def test_rows_behind_a_hole_in_the_journal_prove_no_life_of_before(
    store: MemoryStore, fault: str
) -> None:
    """The HANGUP row may be the missing one: later rows of others say nothing about the leg."""
    run = Run(store, ListedJournal(outbound(ends=None)))
    await run.round()
    setattr(run.journal, fault, 1)
    reborn = row("CHAN_START", 900, 0, PHONE, second=EPOCH_S + 900)
    run.journal.rows += [row("ANSWER", 800, 7, PHONE, second=EPOCH_S + 700), reborn]
    await run.round()
    await run.round()
    await run.writer.flush()
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.witness) == (at(10), EndWitness.ESTIMATED)
    assert leg.gone_by == at(900)


def rows_until_a_kill(last_s: float) -> list[JournalRow]:
    """Return rows of an answered call; Asterisk is killed after another row, and starts anew."""
    reborn = row("CHAN_START", last_s + 60, 0, PHONE, second=EPOCH_S + 400)
    return [*outbound(ends=None), row("ANSWER", last_s, 0, PHONE), reborn]


@pytest.mark.parametrize("booted_s", [None, 390])
@pytest.mark.parametrize(
    ("witness", "known_s", "gone_s", "row_s", "ends_s"),
    [
        (EndWitness.ESTIMATED, 40, None, 330, 330),  # the link was down when Asterisk died
        (EndWitness.ESTIMATED, 335, 390, 330, 335),  # the link was the last to report it
        (EndWitness.UNLISTED, 300, 350, 330, 330),  # known from snapshots alone, after the death
        (EndWitness.UNLISTED, 40, 45, 330, 40),  # its own HANGUP row is lost: it had long ended
    ],
)
async def test_a_leg_of_a_killed_asterisk_ends_at_the_last_proof_of_life_of_all(
    store: MemoryStore,
    booted_s: float | None,
    witness: EndWitness,
    known_s: float,
    gone_s: float | None,
    row_s: float,
    ends_s: float,
) -> None:
    known = leg_record(ended_at=at(known_s), witness=witness, billed_s=60, allowance_s=60)
    known = replace(known, gone_by=at(gone_s) if gone_s is not None else None)
    await store.commit([replace(known, month="2026-11")])
    for _ in range(2):
        run = Run(store, ListedJournal(rows_until_a_kill(row_s)))
        run.allowances.load(await store.usage())
        for _ in range(2):
            await run.round(booted_at=at(booted_s) if booted_s is not None else None)
        await run.writer.flush()
        store.known_marks.clear()
    leg = store.known_legs[KEY]
    assert leg.ended_at == at(ends_s)
    assert leg.witness is not None
    assert leg.witness.guessed
    (usage,) = await store.usage()
    assert run.allowances._used_s == {("globex", "2026-11"): usage.allowance_s}


async def test_an_estimate_waits_until_a_leg_believed_live_is_closed(
    store: MemoryStore,
) -> None:
    await store.commit([leg_record()])
    run = Run(store, ListedJournal(rows_until_a_kill(330)))
    await run.take_up()
    await run.round()
    assert run.held(KEY.uniqueid)
    run.tracker.close(KEY, at(40), EndWitness.ESTIMATED)
    await run.end()
    assert store.known_legs[KEY].ended_at == at(330)


async def test_an_end_that_was_seen_live_stays_and_a_difference_is_counted(
    store: MemoryStore,
) -> None:
    live = leg_record(ended_at=at(68.5), witness=EndWitness.LIVE, talk_us=58_500_000)
    await store.commit([live])
    run = await recover(store, outbound())
    (disagreed,) = run.facts
    assert isinstance(disagreed, JournalDisagreed)
    assert disagreed.difference_s == pytest.approx(2.0)
    assert store.known_legs[KEY] == live


async def test_ends_within_a_tenth_of_a_second_agree(store: MemoryStore) -> None:
    await store.commit([leg_record(ended_at=at(70.41), witness=EndWitness.LIVE)])
    assert not (await recover(store, outbound())).facts


def proof(seconds: float) -> Proof:
    """Return proof that a snapshot was requested then."""
    return Proof(at(seconds), seconds)


async def test_an_adopted_leg_whose_end_was_missed_has_the_journal_s_answer_and_way(
    store: MemoryStore,
) -> None:
    await store.commit(
        [
            leg_record(
                answered_at=at(20),
                answer_guessed=True,
                ended_at=at(30),
                witness=EndWitness.ESTIMATED,
            )
        ]
    )
    rows = outbound()
    rows[2] = rows[2]._replace(exten="+15550100")
    await recover(store, rows)
    leg = store.known_legs[KEY]
    assert (leg.answered_at, leg.direction) == (at(10), LegDirection.INBOUND)
    assert leg.talk_us == 60_500_000


async def test_only_an_end_is_enough_for_a_leg_that_the_store_knows(store: MemoryStore) -> None:
    await store.commit([leg_record(key=KEY._replace(pbx=PBX))])
    run = Run(store, ListedJournal([row("HANGUP", 70.5, 1, TRUNK, linked=0)]))
    await run.round()
    await run.writer.flush()
    assert store.known_legs[KEY].talk_us == 60_500_000


# --- legs in the ledger --------------------------------------------------------------------------


async def test_a_leg_that_ended_while_the_daemon_was_down_is_closed_by_the_journal(
    store: MemoryStore,
) -> None:
    await store.commit([leg_record()])
    run = await recover(store, outbound())
    assert not run.held(KEY.uniqueid)
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.witness, leg.talk_us) == (at(70.5), EndWitness.JOURNAL, 60_500_000)


@pytest.mark.parametrize("ends", [70.5, None])
async def test_an_incoming_call_that_rang_when_the_daemon_ended_is_billed_from_its_answer(
    store: MemoryStore, ends: float | None
) -> None:
    ringing = store_records.call(
        tenant="globex",
        pbx=PBX,
        direction=Direction.INBOUND,
        origin=KEY.uniqueid,
        asker=KEY.uniqueid,
        linkedid=KEY.uniqueid,
        caller="49",
        number="+15550100",
        started_at=at(2),
    )
    await store.commit([ringing])
    rows = [row("CHAN_START", 2, 1, exten="+15550100"), row("ANSWER", 10, 1)]
    run = await recover(store, rows if ends is None else [*rows, row("HANGUP", ends, 1)])
    if ends is None:
        run.clock.move_to(at(1070.5))
        run.tracker.apply(Hangup(KEY, at(1070.5)))
        await run.writer.flush()
    leg = store.known_legs[KEY]
    assert (leg.tenant, leg.call, leg.direction) == ("globex", "c1", LegDirection.INBOUND)
    assert leg.talk_us == (60_500_000 if ends else 1_060_500_000)
    assert len(run.facts_of(LegEnded)) == 1
    assert not await store.open_calls()


async def test_an_adopted_leg_that_ends_before_the_journal_is_read_keeps_its_end_alone(
    store: MemoryStore,
) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(69.9))
    adopted = ChannelSeen(KEY, TRUNK, 6, linkedid=f"{EPOCH_S}.0", age_s=3)
    run.adopter.adopt(adopted, proof(69.9))
    run.tracker.apply(Hangup(KEY, at(70.4)))
    await run.writer.flush()
    assert store.known_legs[KEY].tenant is None
    await run.end()
    leg = store.known_legs[KEY]
    assert (leg.tenant, leg.answered_at, leg.ended_at) == ("globex", at(10), at(70.4))
    assert (leg.witness, leg.talk_us) == (EndWitness.LIVE, 60_400_000)
    assert len([fact for fact in run.facts if isinstance(fact, Corrected)]) == 1


async def test_a_call_admitted_by_the_fallback_is_adopted_with_tenant_and_direction(
    store: MemoryStore,
) -> None:
    run = Run(store, ListedJournal())
    said = "ADMIT|globex|outbound|fallback||||"
    phone = ChannelSeen(ChannelKey(PBX, f"{EPOCH_S}.0"), PHONE, 6, f"{EPOCH_S}.0", inherited=said)
    run.adopter.adopt(phone, proof(900))
    run.adopter.adopt(seen(6)._replace(inherited=said), proof(900))
    (call,) = run.ledger.calls.values()
    assert (call.tenant, call.direction, len(call.channels)) == ("globex", Direction.OUTBOUND, 2)


async def test_a_leg_that_was_given_up_too_early_has_the_end_that_was_read(
    store: MemoryStore,
) -> None:
    rows = outbound()
    rows.insert(-2, row("CHAN_START", 20, 0, second=EPOCH_S + 20))  # as if Asterisk had started
    run = Run(store, ListedJournal(rows, size=len(rows)))
    await run.end()
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.witness) == (at(70.5), EndWitness.JOURNAL)
    assert (leg.tenant, leg.talk_us, leg.gone_by) == ("globex", 60_500_000, None)


async def test_a_leg_that_ami_may_still_report_waits_a_round(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(5))
    run.tracker.apply(Newchannel(seen(), at(2)))
    run.clock.move_to(at(10))
    run.tracker.apply(Newstate(seen(6), at(10)))
    run.clock.move_to(at(71))
    await run.round()
    assert run.held(KEY.uniqueid)
    run.tracker.apply(HangupRequest(KEY, at(70.4)))
    run.tracker.apply(Hangup(KEY, at(70.5)))
    run.clock.move_to(at(131))
    await run.round()
    await run.writer.flush()
    leg = store.known_legs[KEY]
    assert (leg.witness, leg.ended_at) == (EndWitness.LIVE, at(70.4))
    assert len(run.facts_of(LegEnded)) == 1
    assert not run.facts_of(Corrected)


@pytest.mark.parametrize("ahead_s", [-3600, 3600])
@pytest.mark.parametrize("uniqueid", [KEY.uniqueid, f"{EPOCH_S}.0"])
async def test_an_end_that_ami_may_report_is_left_to_it_whatever_the_pbxs_clock_shows(
    store: MemoryStore, ahead_s: float, uniqueid: str
) -> None:
    rows = [told._replace(at=told.at + timedelta(seconds=ahead_s)) for told in outbound()]
    run = Run(store, ListedJournal(rows), now=at(1))
    run.clock.move_to(at(2))
    run.tracker.apply(Newchannel(ChannelSeen(KEY, TRUNK, 0), at(2 + ahead_s)))
    run.tracker.apply(Newchannel(ChannelSeen(ChannelKey(PBX, f"{EPOCH_S}.0"), PHONE, 0), at(2)))
    run.clock.move_to(at(10))
    run.tracker.apply(Newstate(seen(6), at(10 + ahead_s)))
    run.clock.move_to(at(71))
    await run.round()
    assert run.held(uniqueid)
    assert not run.facts_of(Corrected)


async def test_a_hangup_reported_during_the_store_query_is_counted_once(
    store: AskedStore,
) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(5))
    run.tracker.apply(Newchannel(seen(), at(2)))
    run.tracker.apply(Newstate(seen(6), at(10)))
    run.clock.move_to(at(500))
    store.while_asked = lambda: run.tracker.apply(Hangup(KEY, at(70.5)))
    await run.round()
    store.while_asked = None
    await run.end()
    assert len(run.facts_of(LegEnded)) == 1
    assert store.known_legs[KEY].witness is EndWitness.LIVE


async def test_what_was_put_off_is_settled_by_the_next_daemon(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(5))
    run.clock.move_to(at(71))
    await run.round()
    await run.writer.flush()
    assert not store.known_legs
    await recover(store, outbound())
    assert store.known_legs[KEY].talk_us == 60_500_000


async def test_what_was_put_off_is_settled_without_the_journal(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(5))
    run.clock.move_to(at(71))
    await run.round()
    run.journal.fault = JournalError("gone")
    await run.end()
    assert store.known_legs[KEY].talk_us == 60_500_000


async def test_a_hangup_that_ami_never_reported_is_closed_in_the_next_round(
    store: MemoryStore,
) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(5))
    run.tracker.apply(Newchannel(seen(), at(2)))
    run.tracker.apply(Newstate(seen(6), at(10)))
    run.clock.move_to(at(71))
    await run.end()
    assert store.known_legs[KEY].witness is EndWitness.JOURNAL
    assert not run.held(KEY.uniqueid)


async def test_a_hangup_request_that_was_heard_is_the_end(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(5))
    run.tracker.apply(Newchannel(seen(), at(2)))
    run.tracker.apply(Newstate(seen(6), at(10)))
    run.tracker.apply(HangupRequest(KEY, at(68.5)))
    run.clock.move_to(at(500))
    await run.end()
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.witness) == (at(68.5), EndWitness.LIVE)


async def test_no_live_leg_is_closed_on_an_estimate(store: MemoryStore) -> None:
    await store.commit([leg_record()])
    run = Run(store, ListedJournal(outbound(ends=None)))
    await run.take_up()
    await run.round(booted_at=at(500))
    assert run.held(KEY.uniqueid)


async def test_an_adopted_leg_gets_its_answer_its_way_and_its_owner(store: MemoryStore) -> None:
    rows = [
        row("CHAN_START", 0, 1, TRUNK, exten="+15550100"),
        hook(1, 1, "inbound|globex|+15550100"),
        row("ANSWER", 30, 1, TRUNK),
    ]
    run = Run(store, ListedJournal(rows), now=at(100))
    adopted = ChannelSeen(KEY, TRUNK, 6, linkedid=KEY.uniqueid, age_s=100)
    run.adopter.adopt(adopted, proof(100))
    await run.round()
    channel = run.ledger.channels[KEY]
    assert channel.answered_at == at(30)
    assert channel.direction is LegDirection.INBOUND
    assert channel.call is not None
    assert channel.call.tenant == "globex"
    assert channel.drawing_for is None  # only outbound legs are included
    run.clock.move_to(at(130))
    run.tracker.apply(Hangup(KEY, at(130)))
    await run.writer.flush()
    leg = store.known_legs[KEY]
    assert (leg.talk_us, leg.tenant) == (100_000_000, "globex")
    assert len(run.facts_of(Corrected)) == 1


# --- internal channels ---------------------------------------------------------------------------

ASKED = store_records.call(
    "call-9", pbx=PBX, direction=Direction.INTERNAL, origin=f"{EPOCH_S}.0",
    asker=f"{EPOCH_S}.0", linkedid=f"{EPOCH_S}.0", caller="11", number="12", started_at=at(0),
    hooked=True,
)  # fmt: skip


@pytest.mark.parametrize(("login_s", "live"), [(1000, 0), (2, 1)])
async def test_a_restored_internal_call_ends_with_its_journal_unless_ami_may_tell(
    store: MemoryStore, login_s: float, live: int
) -> None:
    await store.commit([ASKED])
    run = Run(store, ListedJournal([row("HANGUP", 5, 0, PHONE)]), now=at(login_s))
    await run.take_up()
    run.clock.move_to(at(max(login_s, 6)))
    await run.round()
    assert len(run.ledger.calls) == live
    closed = [fact.kind for fact in run.facts if isinstance(fact, Corrected)]
    assert closed == [CorrectionKind.CLOSED] * (1 - live)


# --- times in whole seconds, and in a wrong zone --------------------------------------------------


def rounded(rows: list[JournalRow]) -> list[JournalRow]:
    """Return the rows with the times that `dateformat=%F %T` leaves of theirs."""
    return [
        one._replace(at=one.at.replace(microsecond=0), whole_seconds=True, dated=True)
        for one in rows
    ]


async def test_a_leg_that_only_rounded_rows_show_is_billed_to_the_second(
    store: MemoryStore,
) -> None:
    run = await recover(store, rounded(outbound(ends=70.9, answers=10.2)))
    leg = store.known_legs[KEY]
    assert (leg.talk_us, leg.tenant) == (60_000_000, "globex")
    (doubt,) = run.facts_of(JournalDoubtful)
    assert isinstance(doubt, JournalDoubtful)
    assert doubt.doubt == "whole_seconds"


@pytest.mark.parametrize(("ends", "kept"), [(70.95, True), (70.0, True), (68.8, False)])
async def test_amis_end_wins_unless_a_rounded_one_is_more_than_a_second_earlier(
    store: MemoryStore, ends: float, *, kept: bool
) -> None:
    known = leg_record(
        answered_at=at(10.2), ended_at=at(70.9), witness=EndWitness.LIVE, talk_us=60_700_000
    )
    await store.commit([known])
    run = await recover(store, rounded(outbound(ends=ends, answers=10.2)))
    leg = store.known_legs[KEY]
    assert (leg.ended_at == at(70.9)) is kept
    assert leg.answered_at == at(10.2)
    assert not (kept and run.facts_of(JournalDisagreed))


async def test_an_end_that_is_rounded_to_before_its_answer_is_no_negative_talk(
    store: MemoryStore,
) -> None:
    await store.commit([leg_record(answered_at=at(10.8))])
    await recover(store, rounded(outbound(ends=10.9, answers=10.8)))
    leg = store.known_legs[KEY]
    assert (leg.ended_at, leg.talk_us) == (at(10.8), 0)


async def test_rows_of_a_wrong_zone_change_nothing_and_are_reported(store: MemoryStore) -> None:
    known = leg_record(answered_at=at(10))
    await store.commit([known])
    hour = timedelta(hours=1)
    rows = [one._replace(at=one.at - hour) for one in rounded(outbound())]
    run = await recover(store, rows)
    assert store.known_legs[KEY] == known
    (doubt,) = run.facts_of(JournalDoubtful)
    (fault,) = run.facts_of(JournalUnreadable)
    assert isinstance(doubt, JournalDoubtful)
    assert isinstance(fault, JournalUnreadable)
    assert doubt.doubt == "shifted"
    assert "cel_timezone" in fault.error
    assert run.recovery.fault == fault.error
