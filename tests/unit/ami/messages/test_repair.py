"""A caller's line breaks neither forge a message nor destroy another one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.ami.messages.mapping import row_of, signal_of
from pbxbilling.ami.messages.protocol import Framer, event_name
from pbxbilling.ami.messages.repair import Repair
from pbxbilling.kernel.text import decode

TOKEN = "pbxbilling-0badcafe-"
VICTIM = "1795222182.1"
OURS = "1795245748.0"
DIALLED = "1795245748.1"
FIELD = 79  # bytes of a number that Asterisk stores (AST_MAX_EXTENSION, AST_CHANNEL_NAME)


def block(prefix: str, uniqueid: str, written: str, name: str = "PJSIP/globex1-0") -> str:
    lines = (
        f"Channel: {name}", "ChannelState: 4", "ChannelStateDesc: Ring", f"CallerIDNum: {written}",
        "CallerIDName: <unknown>", f"ConnectedLineNum: {written}", "ConnectedLineName: x",
        "Language: en", "AccountCode: ", "Context: phones", f"Exten: {written}", "Priority: 1",
        f"Uniqueid: {uniqueid}", f"Linkedid: {OURS}", "ChanVariable: PBXBILLING=",
    )  # fmt: skip
    return "".join(f"{prefix}{line}\r\n" for line in lines)


def event(name: str, body: str) -> str:
    head = f"Event: {name}\r\nPrivilege: call,all\r\nTimestamp: 1795245748.503822\r\n"
    return f"{head}{body}\r\n"


def hangup(uniqueid: str, written: str = "0") -> str:
    return event("Hangup", block("", uniqueid, written) + "Cause: 16\r\nCause-txt: x\r\n")


def answered(exten: str) -> str:
    """Return a Newstate in which the caller controls only the dialled number."""
    lines = block("", OURS, "0").replace("Exten: 0\r\n", f"Exten: {exten}\r\n")
    return event("Newstate", lines)


OTHERS = event("Newstate", block("", VICTIM, "0155501", "PJSIP/acme1-0"))


def messages_of(written: str) -> list[str]:
    """Return the messages of a call whose caller writes that text into every field possible."""
    local = f"Local/{written}@phones-0;1"
    row = block("", OURS, written) + f"Application: Dial\r\nApplicationData: PJSIP/{written}@x\r\n"
    row += "Duration: 00:00:01\r\nBridgeId: b-1\r\n"
    return [
        event("Newchannel", block("", OURS, written)),
        event("Newchannel", block("", DIALLED, written, local)),
        event(
            "DialBegin",
            block("", OURS, written)
            + block("Dest", DIALLED, written, local)
            + f"DialString: {written}@x\r\n",
        ),
        event(
            "LocalBridge",
            block("LocalOne", OURS, written, local)
            + block("LocalTwo", DIALLED, written, local)
            + f"Context: phones\r\nExten: {written}\r\nLocalOptimization: No\r\n",
        ),
        event("Rename", f"Channel: {local}\r\nNewname: {local}\r\nUniqueid: {OURS}\r\n"),
        f"Event: CoreShowChannel\r\nActionID: {TOKEN}7\r\n{row}\r\n",
        hangup(OURS, written),
    ]


def told(stream: str, reads: int = 1 << 20, repair: Repair | None = None) -> list[bytes]:
    framer, repair = Framer(), repair or Repair(TOKEN)
    framer.feed(b"Asterisk Call Manager/11.0.0\r\n")
    sent = stream.encode()
    out = []
    for at in range(0, len(sent), reads):
        blocks = framer.feed(sent[at : at + reads])
        out += repair.take(blocks, more=framer.begun)
    return out


def keys(message: bytes) -> set[str]:
    """Return the channels that a message would affect."""
    if event_name(message) == b"CoreShowChannel":
        row = row_of("pbx1", decode(message))
        return {row.key.uniqueid} if row else set()
    signal = signal_of("pbx1", event_name(message), message)
    return {found for found in (OURS, DIALLED, VICTIM) if f"uniqueid='{found}'" in repr(signal)}


def test_messages_without_line_breaks_are_handed_on_as_they_are() -> None:
    clean = [OTHERS, *messages_of("0155501"), OTHERS]
    repair = Repair(TOKEN)
    assert told("".join(clean), repair=repair) == [each.strip().encode() for each in clean]
    assert (repair.rejoined, repair.lost) == (0, 0)


def test_a_blank_line_in_a_number_cuts_nothing_off() -> None:
    repair = Repair(TOKEN)
    written = f"0\r\n\r\nEvent: Hangup\r\nUniqueid: {VICTIM}\r\nX: "
    heard = told("".join([OTHERS, *messages_of(written), OTHERS]), repair=repair)
    assert [event_name(message) for message in heard] == [
        b"Newstate", b"Newchannel", b"Newchannel", b"DialBegin", b"LocalBridge", b"Rename",
        b"CoreShowChannel", b"Hangup", b"Newstate",
    ]  # fmt: skip
    assert (repair.rejoined, repair.lost) == (7, 0)
    assert keys(heard[1]) == {OURS}
    assert f"Exten: 0_Event: Hangup_Uniqueid: {VICTIM}_X: \r\n".encode() in heard[1]


FALSE = f"0\r\nPriority: 1\r\nUniqueid: {VICTIM}\r\nLinkedid: 1"


@pytest.mark.parametrize(
    "end", ["", "\r\n", "\r\n\r\n", "\r\n\r\nEvent: X", "\r\n\r\nEvent: X\r\nPrivilege: a"]
)
def test_a_false_uniqueid_before_the_true_one_is_not_taken(end: str) -> None:
    assert len(FALSE + end) <= FIELD
    heard = told(OTHERS + answered(FALSE + end))
    assert [keys(message) for message in heard] == [{VICTIM}, {OURS}]


def test_where_the_dialled_channel_ends_in_doubt_the_message_is_lost() -> None:
    false = f"0\r\nDestPriority: 1\r\nDestUniqueid: {VICTIM}\r\nDestLinkedid: 1\r\nDialString: "
    assert len(false) <= FIELD
    dialled = block("", OURS, "0") + block("Dest", DIALLED, false) + f"DialString: {false}\r\n"
    repair = Repair(TOKEN)
    heard = told(event("DialBegin", dialled) + hangup(OURS), repair=repair)
    assert [keys(message) for message in heard] == [{OURS}]
    assert repair.lost == 1


def test_a_false_event_behind_a_whole_one_is_lost() -> None:
    written = "0\r\n\r\nEvent: Hold\r\nPrivilege: call,all\r\nTimestamp: 1795245748.503822"
    dialled = block("", OURS, "0") + block("Dest", DIALLED, "0") + f"DialString: {written}\r\n"
    heard = told(event("DialBegin", dialled) + hangup(OURS, "0\r\n\r\nX: "))
    assert [keys(message) for message in heard] == [{OURS, DIALLED}, {OURS}]


def test_what_is_not_whole_waits_for_its_rest_and_holds_nobody_up() -> None:
    repair = Repair(TOKEN)
    cut, rest = hangup(OURS, "0\r\n\r\nX: ").split("\r\n\r\n", 1)
    assert told(OTHERS + cut + "\r\n\r\n", repair=repair) == [OTHERS.strip().encode()]
    assert repair.take([OTHERS.strip().encode()], more=False) == [OTHERS.strip().encode()]
    assert repair.lost == 1
    assert repair.take([rest.strip().encode()], more=False) == []


def test_a_message_is_kept_while_its_rest_may_be_on_the_way() -> None:
    stream = answered(f"{FALSE}\r\n")
    half = stream.index("\r\n\r\n") + 9
    heard = told(stream, reads=half)
    assert [keys(message) for message in heard] == [{OURS}]


def test_no_answer_is_believed_without_our_token() -> None:
    assert told("Response: Success\r\nActionID: 1\r\nPing: Pong\r\n\r\n") == []
    assert len(told(f"Response: Success\r\nActionID: {TOKEN}1\r\nPing: Pong\r\n\r\n")) == 1


WORDS = (
    "\r\n", "\r\n", "\r\n", "\r\n\r\n", "\n", "\r", "0", ": ", "Dest", "LocalOne", "LocalTwo",
    "Event: Hangup", "Event: Newstate", "Event: Rename", "Event: Hold", "Event: Shutdown",
    "Event: CoreShowChannel", "Event: Cdr", "Response: Success", f"ActionID: {TOKEN[:-3]}",
    "Privilege: call,all", "Privilege: a", "Timestamp: 1795222182.000001", f"Uniqueid: {VICTIM}",
    "Linkedid: 1.1", "Priority: 1", "Channel: a", "Newname: a", "ChannelState: 6", "DialString: ",
    "ChanVariable: PBXBILLING=", "Application: ", "ApplicationData: ",
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(lambda words: "".join(words)[:FIELD]))
@settings(deadline=None, max_examples=500)
def test_nothing_that_fits_into_a_number_touches_anothers_channel(written: str) -> None:
    heard = told("".join(OTHERS + message for message in messages_of(written)) + OTHERS)
    others = OTHERS.strip().encode()
    assert heard.count(others) == 8
    assert all(VICTIM not in keys(message) for message in heard if message != others)


@pytest.mark.parametrize("uptime", ["0", "1800", "-1800"])
def test_an_asterisk_whose_clock_was_set_back_to_before_its_start_is_believed(uptime: str) -> None:
    message = (
        f"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: {uptime}\r\n"
        f"LastReload: {uptime}\r\nStatus: Fully Booted"
    ).encode()
    repair = Repair(TOKEN)
    assert list(repair.take([message], more=False)) == [message]
    assert (repair.rejoined, repair.lost) == (0, 0)
