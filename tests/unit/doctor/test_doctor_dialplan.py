"""Whether a dialplan sends its hooks here, judged by their address and our listeners."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pbxbilling.config.sections import AgiSettings
from pbxbilling.config.value_types import Address
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.dialplan import asks_old_port, dialplan, port_of
from pbxbilling.doctor.manager import PbxReport, default_hook

SUBROUTINE = Path(__file__).parents[3] / "config" / "asterisk" / "extensions_pbxbilling.conf"
HERE = Address("127.0.0.1", 4590)
DEFAULT = "127.0.0.1:4590"
NEW = PbxReport(subroutine=True, default_hook=DEFAULT, globals=("", "pbx1", ""))
OLD = replace(NEW, default_hook="")


def judged(
    report: PbxReport,
    listen: Address = HERE,
    *,
    only: bool = True,
    old_answers: bool = False,
    token: str = "",
) -> list[Check]:
    agi = AgiSettings(
        listen=str(listen),
        allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        token=SecretStr(token),
    )
    return [*dialplan("pbx1", agi, report, only=only, old_answers=old_answers)]


def unwell(checks: Iterable[Check]) -> list[tuple[str, str]]:
    return [(str(check.result), check.name) for check in checks if check.result is not Result.OK]


def asking(report: PbxReport, hook: str, second: str = "") -> PbxReport:
    return replace(report, globals=(hook, "pbx1", second))


def test_a_pbx_that_tells_nothing_is_not_known() -> None:
    assert unwell(judged(PbxReport())) == [("warn", "dialplan")]
    assert unwell(judged(PbxReport(subroutine=True))) == [
        ("warn", "PBXBILLING_HOOK"),
        ("warn", "PBXBILLING_PBX"),
    ]


def test_a_dialplan_without_the_subroutine_is_a_warning() -> None:
    assert unwell(judged(replace(NEW, subroutine=False))) == [("warn", "dialplan")]


@pytest.mark.parametrize("report", [NEW, asking(OLD, DEFAULT), asking(NEW, "192.0.2.1:4590")])
def test_a_hook_that_asks_our_port_is_well(report: PbxReport) -> None:
    assert unwell(judged(report)) == []


def test_an_empty_hook_fails_where_the_loaded_subroutine_has_no_default() -> None:
    (check,) = (check for check in judged(OLD) if check.result is Result.FAIL)
    assert check.name == "PBXBILLING_HOOK"
    assert "PBXBILLING_FALLBACK" in check.found
    assert check.mend == (
        "PBXBILLING_HOOK=127.0.0.1:4590 under [globals] of extensions.conf"
        " (FreePBX: in globals_custom.conf), then `dialplan reload`"
    )


@given(st.sampled_from([NEW, OLD]), st.integers(1, 65_535), st.integers(1, 65_535))
def test_a_hook_is_well_where_the_daemon_listens_and_fails_everywhere_else(
    report: PbxReport, asked: int, listened: int
) -> None:
    checks = judged(asking(report, f"127.0.0.1:{asked}"), Address("127.0.0.1", listened))
    expected = [] if asked == listened else [("fail", "PBXBILLING_HOOK")]
    assert unwell(checks) == expected


def test_the_default_of_the_subroutine_fails_where_the_daemon_listens_elsewhere() -> None:
    assert unwell(judged(NEW, Address("127.0.0.1", 4573))) == [("fail", "PBXBILLING_HOOK")]


@pytest.mark.parametrize("hook", ["127.0.0.1:4573", "127.0.0.1", "[::1]:4573", "[::1]", "pbx"])
def test_the_port_of_0_1_is_a_warning_while_we_answer_there(hook: str) -> None:
    report = asking(OLD, hook)  # agi://HOST is port 4573
    assert asks_old_port(report)
    assert unwell(judged(report, old_answers=True)) == [("warn", "PBXBILLING_HOOK")]
    assert unwell(judged(report, old_answers=False)) == [("fail", "PBXBILLING_HOOK")]
    assert unwell(judged(report, Address("127.0.0.1", 4573))) == []


def test_the_second_daemon_of_a_pbx_is_told_that_it_is_the_second() -> None:
    report = asking(NEW, "192.0.2.1:4600", second=DEFAULT)
    assert unwell(judged(report)) == [("warn", "PBXBILLING_HOOK")]


def test_a_daemon_that_listens_everywhere_does_not_name_everywhere_as_the_hook() -> None:
    checks = judged(asking(NEW, "192.0.2.1:4600"), Address("0.0.0.0", 4590))
    assert "PBXBILLING_HOOK=HOST:4590" in checks[1].mend


@pytest.mark.parametrize("hook", ["", ":", ":4590", "127.0.0.1:", "127.0.0.1:agi"])
def test_what_is_no_address_has_no_port(hook: str) -> None:
    assert port_of(hook) is None


def test_an_empty_name_is_well_only_where_there_is_one_pbx() -> None:
    nameless = replace(NEW, globals=("", "", ""))
    assert unwell(judged(nameless)) == []
    assert unwell(judged(nameless, only=False)) == [("warn", "PBXBILLING_PBX")]
    other = replace(NEW, globals=("", "pbx2", ""))
    assert unwell(judged(other)) == [("fail", "PBXBILLING_PBX")]


def test_the_shipped_subroutine_asks_by_default_where_the_daemon_listens_by_default() -> None:
    steps = SUBROUTINE.read_text().splitlines()
    assert default_hook(steps) == AgiSettings().listen


def test_the_default_of_an_older_subroutine_is_found_too() -> None:
    step = "LOCAL(hook)=${PBXBILLING_HOOK}${IF($[${LEN(${PBXBILLING_HOOK})} > 0]?:127.0.0.1:4590)}"
    assert default_hook(["PBXBILLING=", f"PBXBILLING=,{step},LOCAL(spare)="]) == DEFAULT


def test_a_subroutine_without_a_default_has_none() -> None:
    assert default_hook(["PBXBILLING=,LOCAL(hook)=${PBXBILLING_HOOK},LOCAL(spare)="]) == ""


TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("report", "result", "found"),
    [
        (replace(NEW, sends_token=True, token=TOKEN), "ok", "that of agi.token_file"),
        (replace(NEW, sends_token=True, token=TOKEN[::-1]), "fail", "not that of agi.token_file"),
        (replace(NEW, sends_token=True, token=""), "fail", "empty"),
        (replace(NEW, sends_token=True), "warn", "no answer"),
        (replace(NEW, token=TOKEN), "fail", "the subroutine sends none"),
    ],
)
def test_the_hooks_token_is_compared_and_not_shown(
    report: PbxReport, result: str, found: str
) -> None:
    check = judged(report, token=TOKEN)[-1]
    assert (check.name, str(check.result)) == ("PBXBILLING_TOKEN", result)
    assert found in check.found
    assert TOKEN not in f"{check} {report}"
    assert TOKEN[::-1] not in f"{check} {report}"


def test_without_a_token_none_is_asked_for() -> None:
    assert all(check.name != "PBXBILLING_TOKEN" for check in judged(replace(NEW, token="")))
