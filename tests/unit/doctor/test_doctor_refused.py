"""Whether the places of refused calls exist, judged by what a PBX says of its dialplan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.refused import GLOBALS, REASONS, REFUSED, Place, refused_places
from pbxbilling.kernel.codes import Reason

SUBROUTINE = Path(__file__).parents[3] / "config" / "asterisk" / "extensions_pbxbilling.conf"
PLACE = "refused,s,1"
NEVER_REFUSED = {Reason.OK, Reason.EMERGENCY, Reason.UNRECONCILED}


def judged(value: str, exists: bool | None, *, known: bool = True) -> Check:
    (check,) = refused_places("pbx1", {REFUSED: value}, {value: exists}, known=known)
    return check


def step(priority: str = "1", label: str = "") -> str:
    named = f"ExtensionLabel: {label}\r\n" if label else ""
    return f"Event: ListDialplan\r\nExtension: _X.\r\n{named}Priority: {priority}\r\n"


def test_nothing_is_said_where_nothing_is_named() -> None:
    assert list(refused_places("pbx1", {}, {}, known=False)) == []


@pytest.mark.parametrize(
    ("value", "exists", "result", "found"),
    [
        (PLACE, True, Result.OK, PLACE),
        (PLACE, False, Result.WARN, "the dialplan has no refused,s,1"),
        (PLACE, None, Result.WARN, "no answer"),
        ("refused", False, Result.WARN, "is no place"),
    ],
)
def test_a_place_is_well_where_the_dialplan_has_it(
    value: str, exists: bool | None, result: Result, found: str
) -> None:
    check = judged(value, exists)
    assert (check.name, check.result) == (REFUSED, result)
    assert found in check.found


def test_an_old_subroutine_that_knows_no_places_is_named() -> None:
    assert "too old" in judged(PLACE, exists=True, known=False).found


@pytest.mark.parametrize("text", ["", "s", "s,1", ",,", "a,,1", ",s,1", "a,s,", "a,s,1,2"])
def test_what_has_not_three_parts_is_no_place(text: str) -> None:
    assert Place.parse(text) is None


def test_the_priority_may_have_arguments() -> None:
    assert Place.parse("a,s,1(x,y)") == Place("a", "s", "1")


@pytest.mark.parametrize(
    ("priority", "rows", "found"),
    [
        ("1", [step()], True),
        ("there", [step(), step("2", "there")], True),
        ("2", [step()], False),
        ("there", [step()], False),
        ("1", [], False),
        ("1", ["Event: ListDialplan\r\nSwitch: Realtime/x\r\n"], None),
    ],
)
def test_a_place_is_found_by_priority_or_label(
    priority: str, rows: list[str], found: bool | None
) -> None:
    assert Place("refused", "s", priority).among(rows) is found


def test_every_reason_to_refuse_has_its_global() -> None:
    assert {Reason(reason) for reason in REASONS} == set(Reason) - NEVER_REFUSED
    assert f"{REFUSED}_max_calls" in GLOBALS


def test_the_shipped_subroutine_reads_these_globals() -> None:
    read = re.findall(r"\$\{(PBXBILLING_REFUSED\w*)", SUBROUTINE.read_text())
    assert set(read) == {REFUSED, f"{REFUSED}_"}
