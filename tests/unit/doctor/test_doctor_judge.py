"""The judgement of a PBX's answers: each fault fails by name, and prints its fix."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from pbxbilling.doctor import judge
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.manager import PbxReport

ROW = "Event: CoreShowChannel\r\nChannel: PJSIP/carrier-1\r\nUniqueid: 1795230000.7\r\n"
OWNED = ROW + "ChanVariable: PBXBILLING=ADMIT|acme|outbound|ok||||"
WELL = PbxReport(
    version="22.10.1",
    actions=frozenset({"CoreShowChannels", "Status", "AbsoluteTimeout", "Ping"}),
    channels=(OWNED,),
    stamped=True,
    ahead_s=0.1,
    endpoints=("PJSIP/carrier", "PJSIP/phone1"),
    trunks={"PJSIP/carrier": True},
)


def judged(report: PbxReport, *trunks: str) -> list[Check]:
    return [*judge.judge("pbx1", "pbxbilling", trunks or ("PJSIP/carrier",), report)]


def unwell(checks: Iterable[Check]) -> list[tuple[str, str]]:
    return [(str(check.result), check.name) for check in checks if check.result is not Result.OK]


def test_a_healthy_pbx_has_only_ok_checks() -> None:
    assert unwell(judged(WELL)) == []
    assert {check.mend for check in judged(WELL)} == {""}


def test_a_pbx_that_tells_nothing_is_not_known_and_fails_nothing() -> None:
    found = unwell(judged(PbxReport()))
    assert {result for result, _ in found} == {"warn"}
    assert len(found) == len(judged(PbxReport())) - 1  # all but its login


@pytest.mark.parametrize(
    ("report", "name"),
    [
        (replace(WELL, actions=frozenset({"CoreShowChannels", "Status"})), "rights"),
        (replace(WELL, stamped=False), "timestampevents"),
        (replace(WELL, channels=(OWNED, ROW)), "channelvars"),
        (replace(WELL, trunks={"PJSIP/carrier": False}), "trunk PJSIP/carrier"),
    ],
)
def test_a_fault_that_loses_calls_fails_and_names_its_fix(report: PbxReport, name: str) -> None:
    checks = judged(report)
    assert unwell(checks) == [("fail", name)]
    assert next(check.mend for check in checks if check.name == name)


@pytest.mark.parametrize(
    ("report", "name"),
    [
        (replace(WELL, ahead_s=-3.5), "clock"),
        (replace(WELL, channels=()), "channelvars"),
        (replace(WELL, trunks={}), "trunk PJSIP/carrier"),
    ],
)
def test_what_may_be_meant_is_a_warning(report: PbxReport, name: str) -> None:
    assert unwell(judged(report)) == [("warn", name)]


def test_a_pbx_where_nothing_happens_is_warned_of_and_fails_nothing() -> None:
    idle = replace(WELL, stamped=None, channels=())
    assert unwell(judged(idle)) == [
        ("warn", "events"), ("warn", "timestampevents"), ("warn", "channelvars"),
    ]  # fmt: skip


def test_calls_that_come_and_go_without_an_event_are_a_fault() -> None:
    deaf = replace(WELL, stamped=None, changed=True)
    assert unwell(judged(deaf)) == [("fail", "events"), ("warn", "timestampevents")]


@pytest.mark.parametrize(
    ("action", "right"),
    [
        ("ModuleLoad", "system"),
        ("UpdateConfig", "config"),
        ("Command", "command"),
        ("Originate", "originate"),
        ("AGI", "agi"),
    ],
)
def test_a_right_that_nobody_needs_is_a_warning_with_the_line_to_write(
    action: str, right: str
) -> None:
    rich = replace(WELL, actions=(WELL.actions or frozenset()) | {action})
    assert unwell(judged(rich)) == [("warn", "rights")]
    (check,) = (check for check in judged(rich) if check.name == "rights")
    assert right in check.found
    assert "write = call,reporting in [pbxbilling] of manager.conf" in check.mend


@pytest.mark.parametrize("technology", ["IAX2/carrier", "DAHDI/*"])
def test_endpoints_that_cannot_be_listed_are_not_known(technology: str) -> None:
    assert unwell(judged(WELL, technology)) == [("warn", f"trunk {technology}")]


def test_a_trunk_without_its_technology_is_told_how_it_is_written() -> None:
    (trunk,) = (check for check in judged(WELL, "carrier") if check.name == "trunk carrier")
    assert (trunk.result, 'as "PJSIP/carrier"' in trunk.mend) == (Result.FAIL, True)


def test_a_pattern_that_takes_the_phones_too_is_a_warning() -> None:
    assert unwell(judged(WELL, "PJSIP/*")) == [("warn", "trunk PJSIP/*")]
    assert unwell(judged(WELL, "PJSIP/car*")) == []


@pytest.mark.parametrize("listed", [None, ("PJSIP/phone1",)])
def test_a_pattern_that_nothing_listed_has_is_not_known(listed: tuple[str, ...] | None) -> None:
    report = replace(WELL, endpoints=listed)  # endpoints of a database are in no list
    assert unwell(judged(report, "PJSIP/car*")) == [("warn", "trunk PJSIP/car*")]
