from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.ami.messages.mapping import SIGNALS, row_of, signal_of
from pbxbilling.ami.messages.protocol import event_name
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.signals import (
    AccountCode,
    AttendedTransfer,
    BridgeEnter,
    ChannelSeen,
    DialBegin,
    FullyBooted,
    Hangup,
    HangupRequest,
    Hold,
    LocalBridge,
    Newchannel,
    Newstate,
    Reloaded,
    Rename,
    Shutdown,
    Signal,
)

AT = datetime(2026, 11, 21, 1, 9, 42, 361162, UTC)


def channel(uniqueid: str, name: str, prefix: str = "", state: int = 6, extra: str = "") -> str:
    lines = (
        f"Channel: {name}",
        f"ChannelState: {state}",
        "ChannelStateDesc: Up",
        "CallerIDNum: 100",
        "CallerIDName: <unknown>",
        "ConnectedLineNum: <unknown>",
        "ConnectedLineName: <unknown>",
        "Language: en",
        "AccountCode: acme",
        "Context: from-acme",
        "Exten: 3201",
        "Priority: 1",
        f"Uniqueid: {uniqueid}",
        "Linkedid: 1.0",
        *filter(None, [extra]),
    )
    return "".join(f"{prefix}{line}\r\n" for line in lines)


def seen(uniqueid: str, name: str, state: int = 6, inherited: str = "") -> ChannelSeen:
    return ChannelSeen(
        ChannelKey("pbx1", uniqueid),
        name,
        state,
        "1.0",
        "acme",
        "from-acme",
        "3201",
        "100",
        inherited,
    )


def mapped(name: str, body: str, stamp: str = "1795223382.361162") -> Signal | None:
    head = f"Event: {name}\r\nPrivilege: call,all\r\n"
    head += f"Timestamp: {stamp}\r\n" if stamp else ""
    block = (head + body).removesuffix("\r\n").encode()
    return signal_of("pbx1", event_name(block), block)


ALICE = channel("1.1", "PJSIP/alice-1")
KEY = ChannelKey("pbx1", "1.1")
EVENTS: list[tuple[str, str, Signal]] = [
    ("Newchannel", ALICE, Newchannel(seen("1.1", "PJSIP/alice-1"), AT)),
    ("Newstate", ALICE, Newstate(seen("1.1", "PJSIP/alice-1"), AT)),
    (
        "DialBegin",
        ALICE + channel("1.2", "PJSIP/carrier-2", "Dest", 0) + "DialString: carrier\r\n",
        DialBegin(seen("1.1", "PJSIP/alice-1"), seen("1.2", "PJSIP/carrier-2", 0), AT),
    ),
    (
        "DialBegin",
        channel("1.2", "PJSIP/carrier-2", "Dest", 0) + "DialString: carrier\r\n",
        DialBegin(None, seen("1.2", "PJSIP/carrier-2", 0), AT),
    ),
    (
        "LocalBridge",
        channel("1.3", "Local/7@x-1;1", "LocalOne") + channel("1.4", "Local/7@x-1;2", "LocalTwo"),
        LocalBridge(seen("1.3", "Local/7@x-1;1"), seen("1.4", "Local/7@x-1;2"), AT),
    ),
    (
        "BridgeEnter",
        "BridgeUniqueid: b-1\r\nBridgeType: basic\r\n" + ALICE,
        BridgeEnter(seen("1.1", "PJSIP/alice-1"), "b-1", "basic", AT),
    ),
    ("NewAccountCode", ALICE + "OldAccountCode: \r\n", AccountCode(KEY, "acme", AT)),
    (
        "Rename",
        "Channel: PJSIP/alice-1\r\nNewname: PJSIP/bob-2\r\nUniqueid: 1.1\r\n",
        Rename(KEY, "PJSIP/bob-2", AT),
    ),
    ("Hold", ALICE, Hold(KEY, held=True, at=AT)),
    ("Unhold", ALICE, Hold(KEY, held=False, at=AT)),
    ("HangupRequest", ALICE + "Cause: 16\r\n", HangupRequest(KEY, AT)),
    ("SoftHangupRequest", ALICE + "Cause: 16\r\n", HangupRequest(KEY, AT)),
    ("Hangup", ALICE + "Cause: 16\r\nCause-txt: Normal Clearing\r\n", Hangup(KEY, AT, 16)),
    ("FullyBooted", "Uptime: 12\r\nLastReload: 3\r\nStatus: x\r\n", FullyBooted("pbx1", 12.0)),
    ("FullyBooted", "Status: Fully Booted\r\n", FullyBooted("pbx1", None)),
    ("Shutdown", "Shutdown: Cleanly\r\nRestart: False\r\n", Shutdown("pbx1")),
    ("Reload", "Module: manager\r\nStatus: 0\r\n", Reloaded("pbx1", "manager")),
]


@pytest.mark.parametrize(("name", "body", "signal"), EVENTS, ids=[e[0] for e in EVENTS])
def test_an_event_becomes_its_signal(name: str, body: str, signal: Signal) -> None:
    assert mapped(name, body) == signal


def test_every_event_of_the_table_is_shown_above() -> None:
    assert {name.encode() for name, _, _ in EVENTS} | {b"AttendedTransfer"} == set(SIGNALS)


def test_a_transfer_names_every_channel_that_takes_part() -> None:
    body = (
        channel("1.1", "PJSIP/alice-1", "OrigTransferer")
        + "OrigBridgeUniqueid: b-1\r\n"
        + channel("2.1", "PJSIP/alice-2", "SecondTransferer")
        + "SecondBridgeUniqueid: b-2\r\n"
        + channel("1.2", "PJSIP/carrier-1", "Transferee")
        + channel("2.2", "PJSIP/bob-1", "TransferTarget")
        + "IsExternal: Yes\r\nDestType: Bridge\r\nDestBridgeUniqueid: b-1\r\n"
    )
    keys = tuple(ChannelKey("pbx1", u) for u in ("1.1", "2.1", "1.2", "2.2"))
    assert mapped("AttendedTransfer", "Result: Success\r\n" + body) == AttendedTransfer(
        keys, done=True, at=AT
    )
    assert mapped("AttendedTransfer", "Result: Fail\r\n" + body) == AttendedTransfer(
        keys, done=False, at=AT
    )


def test_the_inherited_verdict_is_found_among_other_variables_on_each_side() -> None:
    verdict = "ADMIT|acme|outbound|ok|||c1|"
    body = (
        channel("1.1", "PJSIP/alice-1", extra=f"ChanVariable: PBXBILLING={verdict}")
        + "ChanVariable: OTHER=x\r\n"
        + channel("1.2", "PJSIP/carrier-2", "Dest", extra="ChanVariable: PBXBILLING=")
    )
    signal = mapped("DialBegin", body)
    assert isinstance(signal, DialBegin)
    assert signal.caller is not None
    assert (signal.caller.inherited, signal.dialled.inherited) == (verdict, "")


@pytest.mark.parametrize("stamp", ["", "soon", "nan", "inf", "1e99"])
def test_without_a_good_timestamp_there_is_no_instant(stamp: str) -> None:
    signal = mapped("Hangup", ALICE, stamp)
    assert signal == Hangup(KEY, None)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Newchannel", "Channel: PJSIP/alice-1\r\nChannelState: 6\r\n"),
        ("Newchannel", "Channel: PJSIP/alice-1\r\nChannelState: 6\r\nUniqueid: \r\n"),
        ("Newchannel", "Channel: PJSIP/alice-1\r\nChannelState: up\r\nUniqueid: 1.1\r\n"),
        ("Hangup", "Uniqueid: 1.1\r\nCause: none\r\n"),
        ("BridgeEnter", ALICE),
    ],
)
def test_an_event_without_what_makes_it_one_is_none(name: str, body: str) -> None:
    assert mapped(name, body) is None


@given(name=st.sampled_from(sorted(SIGNALS)), body=st.binary(max_size=200))
def test_no_body_makes_the_mapping_raise(name: bytes, body: bytes) -> None:
    signal_of("pbx1", name, b"Event: " + name + b"\r\n" + body)
    row_of("pbx1", body.decode("latin-1"))


@pytest.mark.parametrize("missing", ALICE.splitlines(keepends=True))
def test_a_channel_has_every_line_of_a_real_one_in_its_place(missing: str) -> None:
    assert mapped("Newchannel", ALICE.replace(missing, "")) is None
    assert mapped("Newchannel", ALICE.replace(missing, "") + missing + "X: y\r\n") is None or (
        missing.startswith("Linkedid")
    )


def test_an_unknown_caller_is_empty() -> None:
    signal = mapped("Newchannel", ALICE.replace("CallerIDNum: 100", "CallerIDNum: <unknown>"))
    assert isinstance(signal, Newchannel)
    assert signal.channel.caller == ""


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20))
def test_what_people_are_shown_has_nothing_that_a_terminal_obeys(text: str) -> None:
    """The name of a channel stays as it is: an order to Asterisk must find the channel."""
    hostile = f"666\x1b[31m\u009b2J\u202e{text}"
    name = f"Local/{hostile}@from-acme-00000001;2"
    body = (
        channel("1.1", name)
        .replace("CallerIDNum: 100", f"CallerIDNum: {hostile}")
        .replace("Exten: 3201", f"Exten: {hostile}")
        .replace("AccountCode: acme", f"AccountCode: {hostile}")
        .replace("Context: from-acme", f"Context: {hostile}")
    )
    signal = mapped("Newchannel", body)
    assert isinstance(signal, Newchannel)
    seen = signal.channel
    assert all(map(str.isprintable, (seen.caller, seen.exten, seen.accountcode, seen.context)))
    assert seen.caller.startswith("666[31m2J")
    assert seen.name == name
    code = mapped("NewAccountCode", f"{body}OldAccountCode: \r\n")
    assert isinstance(code, AccountCode)
    assert code.accountcode.isprintable()


def test_a_row_of_the_channel_list_tells_application_bridge_and_age() -> None:
    text = (
        "Event: CoreShowChannel\r\nActionID: 1\r\n"
        + channel("1.1", "PJSIP/alice-1", extra="ChanVariable: PBXBILLING=ADMIT|acme|||||c1|")
        + "Application: Dial\r\nApplicationData: PJSIP/x\r\nDuration: 101:02:03\r\nBridgeId: b-1"
    )
    assert row_of("pbx1", text) == seen(
        "1.1", "PJSIP/alice-1", inherited="ADMIT|acme|||||c1|"
    )._replace(application="Dial", bridge="b-1", age_s=101 * 3600 + 123)


def test_no_channel_is_younger_than_now_though_the_clock_was_set_back() -> None:
    row = "Event: CoreShowChannel\r\n" + channel("1.1", "PJSIP/alice-1") + "Duration: 00:-59:-30"
    shown = row_of("pbx1", row)
    assert shown is not None
    assert shown.age_s == 0


def test_a_row_without_a_uniqueid_is_none() -> None:
    assert row_of("pbx1", "Event: CoreShowChannel\r\nChannel: x\r\nChannelState: 6") is None
