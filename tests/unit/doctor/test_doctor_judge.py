"""What a PBX said is judged: each fault fails by name, and tells its mend."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from pbxbilling.doctor import judge
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.manager import Said, section_of

ROW = "Event: CoreShowChannel\r\nChannel: PJSIP/carrier-1\r\nUniqueid: 1795230000.7\r\n"
OWNED = ROW + "ChanVariable: PBXBILLING=ADMIT|acme|outbound|ok||||"
FILTER = (
    "^Event: (Newchannel|Newstate|DialBegin|DialEnd|LocalBridge|BridgeEnter|NewAccountCode|Rename"
    "|BlindTransfer|AttendedTransfer|Hold|Unhold|HangupRequest|SoftHangupRequest|Hangup|Cdr"
    "|FullyBooted|Shutdown|Reload)[^A-Za-z]"
)
GENERAL = (("timestampevents", "yes"), ("channelvars", "PBXBILLING"))
USER = (("read", "system,call,cdr"), ("eventfilter", FILTER))
WELL = Said(
    version="22.10.1",
    actions=frozenset({"CoreShowChannels", "Status", "AbsoluteTimeout", "Ping"}),
    general=GENERAL,
    user=USER,
    channels=(),
    ahead_s=0.1,
    endpoints=("PJSIP/carrier", "PJSIP/phone1"),
    subroutine=True,
    globals=("127.0.0.1:4573", "pbx1"),
)


def judged(said: Said, *trunks: str) -> list[Check]:
    return [
        *judge.judge("pbx1", "pbxbilling", trunks or ("PJSIP/carrier",), said),
        *judge.dialplan("pbx1", 4573, said, only=True),
    ]


def unwell(checks: Iterable[Check]) -> list[tuple[str, str]]:
    return [(str(check.result), check.name) for check in checks if check.result is not Result.OK]


def test_a_pbx_where_all_is_well_has_no_other_word() -> None:
    assert unwell(judged(WELL)) == []
    assert {check.mend for check in judged(WELL)} == {""}


def test_a_pbx_that_tells_nothing_is_not_known_and_fails_nothing() -> None:
    found = unwell(judged(Said()))
    assert {result for result, _ in found} == {"warn"}
    assert len(found) == len(judged(Said())) - 1  # but for its login


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (replace(WELL, actions=frozenset({"CoreShowChannels", "Status"})), "rights"),
        (replace(WELL, user=(("read", "system"), ("eventfilter", FILTER))), "events"),
        (replace(WELL, user=(("read", "all"), ("eventfilter", "^Event: Hangup"))), "events"),
        (replace(WELL, user=(("read", "all"), ("eventfilter", "!Event: Hold"))), "events"),
        (replace(WELL, general=GENERAL[1:]), "timestampevents"),
        (replace(WELL, general=(("timestampevents", "no"), *GENERAL[1:])), "timestampevents"),
        (replace(WELL, stamped=False), "timestampevents"),
        (replace(WELL, general=GENERAL[:1]), "channelvars"),
        (replace(WELL, general=(*GENERAL, ("channelvars", "TENANT"))), "channelvars"),
        (replace(WELL, channels=(OWNED, ROW)), "channelvars"),
        (replace(WELL, endpoints=("PJSIP/phone1",)), "trunk PJSIP/carrier"),
        (replace(WELL, globals=("", "pbx1")), "PBXBILLING_HOOK"),
        (replace(WELL, globals=("127.0.0.1", "pbx2")), "PBXBILLING_PBX"),
    ],
)
def test_a_fault_that_loses_calls_fails_alone_and_tells_its_mend(said: Said, name: str) -> None:
    checks = judged(said)
    assert unwell(checks) == [("fail", name)]
    assert next(check.mend for check in checks if check.name == name)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (replace(WELL, ahead_s=-3.5), "clock"),
        (replace(WELL, subroutine=False), "dialplan"),
        (replace(WELL, globals=("127.0.0.1:4574", "pbx1")), "PBXBILLING_HOOK"),
        (replace(WELL, user=(*USER, ("eventfilter(name(Hangup))", ""))), "events"),
        (replace(WELL, user=(("read", "all"), ("eventfilter", "("))), "events"),
    ],
)
def test_what_may_be_meant_is_a_warning(said: Said, name: str) -> None:
    assert unwell(judged(said)) == [("warn", name)]


def test_live_channels_and_events_outweigh_the_file() -> None:
    said = replace(WELL, general=(), stamped=True, channels=(OWNED,))
    assert unwell(judged(said)) == []


def test_the_last_line_of_a_key_is_the_one_that_counts() -> None:
    said = replace(WELL, general=(("channelvars", "TENANT"), *GENERAL))
    assert unwell(judged(said)) == []


@pytest.mark.parametrize("technology", ["IAX2/carrier", "DAHDI/*"])
def test_endpoints_that_cannot_be_listed_are_not_known(technology: str) -> None:
    assert unwell(judged(WELL, technology)) == [("warn", f"trunk {technology}")]


def test_a_trunk_without_its_technology_is_told_how_it_is_written() -> None:
    (trunk,) = (check for check in judged(WELL, "carrier") if check.name == "trunk carrier")
    assert (trunk.result, 'as "PJSIP/carrier"' in trunk.mend) == (Result.FAIL, True)


def test_a_pattern_that_takes_the_phones_too_is_a_warning() -> None:
    assert unwell(judged(WELL, "PJSIP/*")) == [("warn", "trunk PJSIP/*")]
    assert unwell(judged(WELL, "PJSIP/car*")) == []


def test_an_empty_name_is_well_only_where_there_is_one_pbx() -> None:
    nameless = replace(WELL, globals=("127.0.0.1:4573", ""))
    assert unwell(judge.dialplan("pbx1", 4573, nameless, only=True)) == []
    assert unwell(judge.dialplan("pbx1", 4573, nameless, only=False)) == [
        ("warn", "PBXBILLING_PBX")
    ]


def test_a_section_of_manager_conf_is_read_without_its_secret() -> None:
    text = (
        "Response: Success\r\nCategory-000000: pbxbilling\r\nLine-000000-000000: secret=s3cret\r\n"
        "Line-000000-000001: Read=system,call\r\nLine-000000-000002: eventfilter=^Event: A=B"
    )
    assert section_of(text) == (("read", "system,call"), ("eventfilter", "^Event: A=B"))
