from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.journal.fold import PINNED_FOR, Boot, JournalFold
from pbxbilling.calls.journal.journal import JournalLeg, JournalPosition, JournalRow
from pbxbilling.calls.live.channel import ChannelKey, Trunks
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.kernel.codes import LegDirection
from tests.support.calls.journal_rows import EPOCH_S, at, hook, row

START = JournalPosition("f", 1)
LATER = JournalPosition("f", 2)
PHONE: dict[str, Any] = {"channel": "PJSIP/acme1-00000000", "linked": 0}
TRUNK: dict[str, Any] = {"channel": "PJSIP/carrier-00000001", "linked": 0}
DIALLED: dict[str, Any] = {**TRUNK, "exten": "s", "context": "from-carrier"}
ASKS = row("CHAN_START", 0, 0, **PHONE, exten="3201", caller="11", accountcode="acme")
RINGS = row("CHAN_START", 1, 1, **DIALLED)
ANSWERED = row("ANSWER", 3, 1, **TRUNK, exten="3201", application="AppDial")
ENDED = row("HANGUP", 10, 1, **TRUNK)
ACME_PHONE = "PJSIP/acme1-00000007"


def fold() -> JournalFold:
    return JournalFold("pbx1", Trunks(["PJSIP/carrier*"]))


def open_legs(folding: JournalFold) -> list[JournalLeg]:
    keys = [ChannelKey("pbx1", uniqueid) for uniqueid in folding._channels]
    return [told for key in keys if (told := folding.open_leg(key))]


def legs(*rows: JournalRow) -> list[JournalLeg]:
    return fold().feed(rows, START)


def leg(*rows: JournalRow) -> JournalLeg:
    (only,) = legs(*rows)
    return only


def phone_hook(seconds: float, says: str) -> JournalRow:
    return hook(seconds, 0, says, **PHONE, caller="11")


def test_a_dialled_leg_goes_out_from_its_start_to_its_hangup() -> None:
    told = leg(ASKS, RINGS, ANSWERED, ENDED)
    assert told.key == ("pbx1", f"{EPOCH_S}.1")
    assert told.direction is LegDirection.OUTBOUND
    assert (told.started_at, told.answered_at, told.ended_at) == (at(1), at(3), at(10))
    assert told.witness is EndWitness.JOURNAL


def test_a_leg_with_an_exten_came_in() -> None:
    told = leg(row("CHAN_START", 0, 1, exten="+15550100", caller="49"), row("HANGUP", 1, 1))
    assert told.direction is LegDirection.INBOUND
    assert (told.caller, told.number, told.owner.did) == ("49", "+15550100", "+15550100")
    assert told.answered_at is None


@pytest.mark.parametrize(
    ("application", "direction"),
    [("AppDial2", LegDirection.OUTBOUND), ("Answer", LegDirection.INBOUND)],
)
def test_a_leg_at_s_that_nothing_dialled_shows_by_its_application(
    application: str, direction: LegDirection
) -> None:
    told = leg(
        row("CHAN_START", 0, 1, exten="s"),
        row("ANSWER", 1, 1, exten="s", application=application),
        row("HANGUP", 2, 1),
    )
    assert told.direction is direction


def test_the_channel_end_ends_a_leg_without_a_hangup_row() -> None:
    told = leg(RINGS, row("CHAN_END", 4, 1, **TRUNK))
    assert told.ended_at == at(4)


def test_a_leg_ends_once() -> None:
    again = row("CHAN_END", 11, 1, **TRUNK)
    assert len(legs(RINGS, ENDED, again, again)) == 1


def test_a_second_answer_changes_nothing() -> None:
    told = leg(RINGS, ANSWERED, row("ANSWER", 5, 1, **TRUNK), ENDED)
    assert told.answered_at == at(3)


def test_phones_and_local_channels_are_no_legs() -> None:
    matching = JournalFold("pbx1", Trunks(["*"]))
    local: dict[str, Any] = {"channel": "Local/1@x-00000001;1"}
    assert not matching.feed(
        [row("CHAN_START", 0, 1, **local), row("HANGUP", 1, 1, **local)], START
    )
    assert not legs(ASKS, row("HANGUP", 2, 0, **PHONE))


def test_a_channel_is_what_its_last_name_says_and_a_zombie_s_name_means_nothing() -> None:
    became = row("BRIDGE_ENTER", 2, 0, "PJSIP/carrier-00000009")
    zombie = row("HANGUP", 3, 0, "PJSIP/acme1-00000000<ZOMBIE>")
    assert leg(ASKS, became, zombie).channel == "PJSIP/carrier-00000009"


# --- the payer -----------------------------------------------------------------------------------


def test_a_hook_owns_the_legs_that_its_channel_dials() -> None:
    told = leg(ASKS, phone_hook(0.5, "outbound|globex|3201"), RINGS, ENDED)
    assert told.owner.tenants == ("globex",)
    assert told.owner.accountcodes == ("acme",)
    assert (told.caller, told.number) == ("11", "3201")


def test_a_later_hook_owns_what_is_dialled_later() -> None:
    first, second = legs(
        ASKS,
        phone_hook(0.5, "outbound|acme|3201"),
        RINGS,
        phone_hook(1.5, "outbound|globex|3202"),
        row("CHAN_START", 2, 2, **DIALLED),
        ENDED,
        row("HANGUP", 10, 2, **TRUNK),
    )
    assert first.owner.tenants == ("acme",)
    assert second.owner.tenants == ("globex", "acme")


def test_an_empty_hook_inside_a_call_leaves_the_owner() -> None:
    told = leg(
        ASKS,
        phone_hook(0.5, "outbound|globex|3201"),
        phone_hook(0.6, "outbound||3201"),
        RINGS,
        ENDED,
    )
    assert told.owner.tenants == ("globex",)


def test_of_two_channels_hooks_the_one_that_named_the_number_dialled_counts() -> None:
    other = hook(0.7, 7, "outbound|globex|12", channel="PJSIP/globex1-00000007", linked=0)
    asked = (ASKS, phone_hook(0.5, "outbound|acme|3201"), other, RINGS)
    told = leg(*asked, ANSWERED, ENDED)
    assert (told.owner.tenants, told.number) == (("acme", "globex"), "3201")
    assert leg(*asked, ENDED).owner.tenants == ("globex", "acme")


def test_an_incoming_leg_keeps_its_first_owner_when_it_is_forwarded() -> None:
    told = leg(
        row("CHAN_START", 0, 1, exten="+15550100"),
        hook(0.1, 1, "inbound|acme|+15550100"),
        hook(0.2, 1, "outbound|globex|3201"),
        row("HANGUP", 5, 1),
    )
    assert told.owner.tenants == ("acme", "globex")


def test_a_transferred_leg_stays_with_the_one_who_dialled_it() -> None:
    told = leg(
        ASKS,
        phone_hook(0.5, "outbound|acme|3201"),
        RINGS,
        row("HANGUP", 5, 0, **PHONE),
        hook(5.1, 1, "outbound|globex|12", **TRUNK),
        ENDED,
    )
    assert told.owner.tenants == ("acme", "globex")


def test_a_hook_outlives_its_channel_in_the_conversation() -> None:
    told = leg(
        ASKS,
        phone_hook(0.5, "outbound|globex|3201"),
        row("CHAN_START", 0.6, 5, "PJSIP/acme2-00000005", linked=0),
        row("HANGUP", 0.7, 0, **PHONE),
        RINGS,
        ENDED,
    )
    assert told.owner.tenants == ("globex",)


CALLS = row(
    "CHAN_START", 0, 0, "PJSIP/globex1-00000000", exten="11", context="from-globex", linked=0
)
FAR_END: dict[str, Any] = {"channel": "Local/3201@from-acme-00000000;2", "linked": 0}


@pytest.mark.parametrize("code", ["globex", ""])
def test_a_hook_shows_what_its_channel_alone_has(code: str) -> None:
    """Dial passes on the caller's account code; the forwarder's context is the forwarder's own."""
    asked = hook(0.1, 0, "internal|globex|11", channel=CALLS.channel, accountcode=code)
    told = leg(
        CALLS,
        asked,
        row("CHAN_START", 0.2, 2, **FAR_END, exten="3201", context="from-acme"),
        hook(0.3, 2, "outbound||3201", **FAR_END, accountcode=code),
        RINGS._replace(accountcode=code),
        ENDED,
    )
    forwards, calls = told.owner.hooks
    assert (forwards.tenant, forwards.accountcodes, forwards.context) == ("", (), "from-acme")
    assert (calls.tenant, calls.context) == ("globex", "from-globex")
    assert calls.accountcodes == ((code,) if code else ())


@pytest.mark.parametrize("written", [0, 1, 2], ids=["first", "after the hook", "after the leg"])
def test_who_was_transferred_asks_from_the_context_that_it_was_sent_to(written: int) -> None:
    """A busy Asterisk writes the transfer after what it led to."""
    extra = f'{{"context":"from-acme","transferee_channel_uniqueid":"{EPOCH_S}.0"}}'
    rows = [hook(0.6, 0, "outbound||3201", channel=CALLS.channel), RINGS]
    rows.insert(written, row("BLINDTRANSFER", 0.5, 7, ACME_PHONE, linked=0, extra=extra))
    told = leg(
        CALLS,
        hook(0.1, 0, "internal||11", channel=CALLS.channel),
        row("BRIDGE_ENTER", 0.2, 0, CALLS.channel),
        *rows,
        ENDED,
    )
    assert [asked.context for asked in told.owner.hooks] == ["from-acme", "from-globex"]


@pytest.mark.parametrize("extra", ["", "{", "[]", "{}", '{"transferee_channel_uniqueid":7}'])
def test_a_transfer_in_another_form_changes_nothing(extra: str) -> None:
    assert legs(ASKS, row("BLINDTRANSFER", 0.5, 7, extra=extra), RINGS, ENDED)


def test_the_phone_that_answered_a_click_to_call_is_among_the_others() -> None:
    one: dict[str, Any] = {"channel": "Local/11@x-00000000;1", "linked": 0}
    phone: dict[str, Any] = {"channel": "PJSIP/acme1-00000003", "linked": 0}
    told = leg(
        row("CHAN_START", 0, 0, **one, exten="11"),
        row("CHAN_START", 0.1, 3, **phone, exten="s", accountcode="acme"),
        hook(0.5, 0, "outbound||3201", **one),
        RINGS,
        ENDED,
    )
    assert (told.owner.accountcodes, told.owner.others) == ((), ("acme",))


def test_an_unhooked_leg_is_owned_by_what_asked_for_it() -> None:
    asks = row("CHAN_START", 0, 0, **PHONE, exten="3201", context="from-initech")
    told = leg(asks, RINGS, ANSWERED._replace(accountcode="later"), ENDED)
    assert (told.owner.context, told.owner.accountcodes) == ("from-initech", ("later",))
    assert told.owner.did == ""
    assert told.number == "3201"


def test_a_conversation_that_joins_an_older_one_keeps_its_owner_hints() -> None:
    told = leg(
        row("CHAN_START", 0, 0, "PJSIP/a-00000001"),
        row("CHAN_START", 1, 5, "PJSIP/b-00000002"),
        hook(2, 5, "outbound|globex|3201", channel="PJSIP/b-00000002"),
        row("BRIDGE_ENTER", 3, 5, "PJSIP/b-00000002", linked=0),
        row("CHAN_START", 4, 6, linked=0, exten="s"),
        row("HANGUP", 5, 6, linked=0),
    )
    assert told.owner.tenants == ("globex",)


@pytest.mark.parametrize("extra", ["", "{", "[1]", '{"extra":7}', '{"other":"a|b|c"}', "[" * 5000])
def test_a_witness_in_another_form_says_nothing(extra: str) -> None:
    told = leg(row("PBXBILLING", 0, 1, extra=extra), row("HANGUP", 1, 1))
    assert told.owner.tenants == ()


# --- missing rows --------------------------------------------------------------------------------


def test_a_leg_whose_beginning_was_not_read_has_no_direction() -> None:
    told = leg(ANSWERED, ENDED)
    assert (told.direction, told.started_at) == (None, None)
    assert (told.answered_at, told.ended_at) == (at(3), at(10))
    assert leg(ENDED).ended_at == at(10)


def test_what_has_not_ended_is_open() -> None:
    folding = fold()
    assert folding.feed([ASKS, RINGS, ANSWERED], START) == []
    (told,) = open_legs(folding)
    assert (told.answered_at, told.ended_at, told.witness) == (at(3), None, None)
    assert folding.answered == {told.key}
    folding.feed([ENDED], START)
    assert not folding.answered
    assert not open_legs(folding)


def test_a_new_life_of_asterisk_ends_what_the_old_one_left_at_its_last_row() -> None:
    told = leg(
        ASKS, RINGS, ANSWERED, row("CHAN_START", 60, 0, "PJSIP/x-00000000", second=EPOCH_S + 60)
    )
    assert (told.ended_at, told.witness) == (at(3), EndWitness.ESTIMATED)


def test_the_same_serial_of_a_later_second_is_a_new_life() -> None:
    assert leg(RINGS, row("CHAN_START", 60, 1, second=EPOCH_S + 60)).ended_at == at(1)


def test_channels_of_a_new_life_are_spared_when_the_start_shows_late() -> None:
    old = row("CHAN_START", 0, 5)
    young = row("CHAN_START", 1, 3, second=EPOCH_S + 1)  # its second proves nothing yet
    later = row("CHAN_START", 3, 4, second=EPOCH_S + 3)
    folding = fold()
    (given_up,) = folding.feed([old, young, later], START)
    assert given_up.key.uniqueid == old.uniqueid
    assert given_up.ended_at == old.at  # the rows of the young one prove nothing about the old
    assert [leg.key.uniqueid for leg in open_legs(folding)] == [young.uniqueid, later.uniqueid]


def test_a_serial_that_was_given_before_is_of_a_new_life() -> None:
    rows = [row("CHAN_START", 0, 5), row("CHAN_START", 1, 5, second=EPOCH_S + 1)]
    assert leg(*rows).key.uniqueid == rows[0].uniqueid


def test_serials_that_are_read_out_of_order_are_one_life() -> None:
    folding = fold()
    early = row("CHAN_START", 2, 4, second=EPOCH_S + 2)  # its second passed meanwhile
    late = row("CHAN_START", 2, 5, second=EPOCH_S + 1)
    assert not folding.feed([RINGS, late, early], START)
    assert len(open_legs(folding)) == 3


def test_an_older_life_that_is_read_again_ends_nothing() -> None:
    folding = fold()
    folding.feed([row("CHAN_START", 60, 9, second=EPOCH_S + 60)], START)
    assert not folding.feed([ASKS, RINGS], START)


def test_what_was_open_before_a_boot_ended_at_the_last_row_before_it() -> None:
    folding = fold()
    folding.boot = Boot(at(49), at(50))
    assert not folding.feed([ASKS, RINGS, ANSWERED, row("ANSWER", 20, 0, **PHONE)], START)
    folding.feed([row("CHAN_START", 55, 90, second=EPOCH_S + 55)], START)
    (told,) = folding.settle_boot()
    assert (told.ended_at, told.witness) == (at(20), EndWitness.ESTIMATED)
    assert [open_leg.key.uniqueid for open_leg in open_legs(folding)] == [f"{EPOCH_S + 55}.90"]
    assert folding.settle_boot() == []


def test_a_leg_of_the_last_second_before_a_boot_ended_with_the_others() -> None:
    folding = fold()
    folding.boot = Boot(at(2), at(3))
    folding.feed([ASKS, RINGS, ANSWERED], START)
    rings_late = row("CHAN_START", 2.4, 2, **DIALLED)
    answered_late = row("ANSWER", 2.6, 2, **TRUNK, application="AppDial")
    anew = row("CHAN_START", 2.9, 0, **PHONE, second=EPOCH_S + 1)
    folding.feed([rings_late, answered_late, anew], START)
    told = folding.settle_boot()
    assert {(one.key.uniqueid, one.ended_at) for one in told} == {
        (f"{EPOCH_S}.1", at(3)),
        (f"{EPOCH_S}.2", at(2.6)),
    }
    assert [one.first.uniqueid for one in folding._channels.values()] == [f"{EPOCH_S + 1}.0"]


def test_another_reader_begins_where_the_oldest_open_conversation_did() -> None:
    folding = fold()
    end = JournalPosition("f", 9)
    assert folding.needed_from(end) == end
    folding.feed([ASKS], START)
    folding.feed([RINGS, ANSWERED], LATER)
    assert folding.needed_from(end) == START
    folding.feed([row("HANGUP", 9, 0, **PHONE)], LATER)
    assert folding.needed_from(end) == START
    folding.feed([ENDED], LATER)
    assert folding.needed_from(end) == end


def test_a_conversation_that_went_over_to_a_younger_one_is_still_needed_from_its_beginning() -> (
    None
):
    folding = fold()
    folding.feed([ASKS], START)
    folding.feed([row("CHAN_START", 1, 5)], LATER)
    folding.feed([row("BRIDGE_ENTER", 2, 0, linked=5)], LATER)
    assert folding.needed_from(LATER) == START


def test_what_never_ends_does_not_hold_the_position_for_ever() -> None:
    folding = fold()
    folding.feed([RINGS], START)
    long_after = PINNED_FOR / timedelta(seconds=1) + 60
    folding.feed([row("CHAN_START", long_after, 3)], LATER)
    assert folding.needed_from(JournalPosition("f", 9)) == LATER


# --- laws ----------------------------------------------------------------------------------------

CHANNELS = {
    0: "PJSIP/acme1-00000000",
    1: "PJSIP/carrier-00000001",
    2: "Local/1@x-00000002;1",
    3: "PJSIP/carrier2-00000003",
}


@st.composite
def stories(draw: st.DrawFn) -> list[JournalRow]:
    events = ["CHAN_START", "ANSWER", "PBXBILLING", "BRIDGE_ENTER", "HANGUP", "CHAN_END", "OTHER"]
    rows = []
    for second in range(draw(st.integers(0, 30))):
        serial = draw(st.sampled_from(sorted(CHANNELS)))
        rows.append(
            row(
                draw(st.sampled_from(events)),
                second,
                serial,
                CHANNELS[serial],
                linked=draw(st.sampled_from([0, serial])),
                exten=draw(st.sampled_from(["s", "3201"])),
                extra=draw(st.sampled_from(["", '{"extra":"outbound|acme|3201"}'])),
            )
        )
    return rows


@given(stories(), st.data())
def test_any_cut_into_reads_gives_the_same_legs(
    told: list[JournalRow], data: st.DataObject
) -> None:
    whole = fold().feed(told, START)
    folding, ended, begun = fold(), [], 0
    while begun < len(told):
        end = data.draw(st.integers(begun + 1, len(told)))
        ended += folding.feed(told[begun:end], START)
        begun = end
    assert ended == whole


@given(stories(), st.data())
def test_another_reader_from_the_position_needed_sees_the_same_legs(
    told: list[JournalRow], data: st.DataObject
) -> None:
    """Killed at any row, a reader that starts anew misses nothing of the open legs."""
    killed = data.draw(st.integers(0, len(told)))
    first = fold()
    for offset in range(killed):
        first.feed([told[offset]], JournalPosition("f", offset))
    begin = first.needed_from(JournalPosition("f", killed)).offset
    open_then = {(leg.key, leg.started_at) for leg in open_legs(first)}
    anew = [replace(leg, since=START) for leg in fold().feed(told[begin:], START)]
    for leg in first.feed(told[killed:], START):
        if (leg.key, leg.started_at) in open_then:
            assert replace(leg, since=START) in anew
