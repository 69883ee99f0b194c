"""A hook stands before each call to a trunk, and every other step does what it did."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.setup.files.backup import SetupError
from tests.support.setup.plain import HOOK, PlainSite, unhooked

_BY_NUMBER = {"Goto(2)", "GotoIf($[1]?far:3)"}
_LEFT = re.compile("number is not in this Dial|includes this line several times")
_TRUNK = re.compile(r"Dial\(PJSIP/\S+@carrier")
_DIALS = st.sampled_from(
    [
        "Dial(PJSIP/${EXTEN}@carrier,20)",
        "Dial(PJSIP/${EXTEN:1}@carrier2) ; \\; dear",
        "Dial(PJSIP/phone)",
        "ExecIf($[1]?Dial(PJSIP/${EXTEN}@carrier):NoOp(x))",
        "NoOp(a,b)",
        "Goto(2)",
        "GotoIf($[1]?far:3)",
        "Goto(b,_0X.,4)",
        "Gosub(b,5,1(2))",
        "Goto(b,${EXTEN},${next})",
        "Hangup()",
    ]
)
_EXTENS = st.sampled_from(["_0X.", "5", "_[1,2]X.", "_0X./77", "s"])
_FIELDS = st.sampled_from(["{},{},{}", "{} , {} , {}", "{},{},  {}"])
_PRIORITIES = st.sampled_from(
    ["1", "n", "n(far)", "2", "3", "n+1", "n+2(there)", "9", "far+1", "s"]
)
_first = st.builds(
    lambda form, equals, *fields: f"exten{equals}{form.format(*fields)}",
    *(_FIELDS, st.sampled_from([" => ", "=>", "=", "\t=>\t"]), _EXTENS, _PRIORITIES, _DIALS),
)
_same = st.builds(
    lambda form, priority, dial: form.format(priority, dial),
    st.sampled_from([" same => {},{}", "same=>{},{}", "same = {} , {}"]),
    st.sampled_from(["n", "n", "n", "n(far)", "n+1", "2", "5"]),
    _DIALS,
)
_headings = st.sampled_from(
    ["[a]", "[b]", "[a](+)", "[t](!)", "[b](t)", "[a](t)", '#include "one.conf"', "include => b"]
)
_lines = st.lists(st.one_of(_first, _same, _same, _same, _headings), min_size=1, max_size=14)


@given(_lines, _lines, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_other_step_stays_and_a_second_run_changes_nothing(
    main: list[str], one: list[str], end: str, closed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = end.join(["[t](!)", "[a]", "exten => 8,1,NoOp()", *main]) + (end if closed else "")
        site = PlainSite.of(Path(folder), {"extensions.conf": text, "one.conf": end.join(one)})
        before = site.extens()
        try:
            planned = site.set_up()
        except SetupError:  # a file that includes itself
            return
        after = site.extens()
        assert {exten: unhooked(steps) for exten, steps in after.items()} == before
        for exten, steps in before.items():
            if any(called in _BY_NUMBER for _, called in steps.values()):
                assert not any(HOOK in after[exten][number][1] for number in steps)
        for steps in after.values():
            for number, (_, called) in steps.items():
                if _TRUNK.match(called) and not any(map(_LEFT.search, planned.by_hand)):
                    assert HOOK in steps[number - 1][1]
        assert [change.shown() for change in site.plan().changes] == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (  # nothing depends on numbers: a line more
            ["exten => _0X.,1(go),Dial(PJSIP/${EXTEN}@carrier) ; mine", "exten => _0X.,2,Hangup()"],
            [
                "exten => _0X.,1(go),Gosub(pbxbilling-admit,s,1(outbound,,${EXTEN}))",
                " same => n,Dial(PJSIP/${EXTEN}@carrier) ; mine",
                "exten => _0X.,3,Hangup()",
            ],
        ),
        (  # a jump by number: the extension keeps its priorities
            ["exten=>_0X.,1,Goto(3)", "same=>n+1,Dial(PJSIP/${EXTEN}@carrier)", "same=>n,Hangup()"],
            ["exten=>_0X.,1,Goto(3)", "same=>n+1,Goto(pbxbilling-3)", "same=>n,Hangup()"],
        ),
        (  # from elsewhere
            [
                "exten => 7,1,Goto(x,_0X.,2)",
                "exten => _0X.,1,NoOp()",
                "same => n,Dial(PJSIP/1@carrier)",
            ],
            [
                "exten => 7,1,Goto(x,_0X.,2)",
                "exten => _0X.,1,NoOp()",
                "same => n,Goto(pbxbilling-2)",
            ],
        ),
    ],
)
def test_a_line_more_or_a_way_around(tmp_path: Path, steps: list[str], expected: list[str]) -> None:
    site = PlainSite.of(tmp_path, {"extensions.conf": "\n".join(["[x]", *steps, ""])})
    site.set_up()
    assert site.text("extensions.conf").split("\n")[1 : len(expected) + 1] == expected


def test_a_line_of_several_contexts_is_changed_once(tmp_path: Path) -> None:
    text = "[t](!)\nexten => _0X.,1,Dial(PJSIP/${EXTEN}@carrier)\n[a](t)\n[b](t)\n"
    site = PlainSite.of(tmp_path, {"extensions.conf": text})
    site.set_up()
    assert site.text("extensions.conf").count(HOOK) == 1


def test_where_one_of_them_is_gone_to_by_number_all_are_led_around(tmp_path: Path) -> None:
    text = (
        "[t](!)\nexten => _0X.,1,NoOp()\nexten => _0X.,2,Dial(PJSIP/${EXTEN}@carrier)\n"
        "[a](t)\n[b](t)\nexten => _0X.,3,Goto(2)\n"
    )
    site = PlainSite.of(tmp_path, {"extensions.conf": text})
    site.set_up()
    assert HOOK not in site.text("extensions.conf")
    assert site.text("extensions_pbxbilling_site.conf").count(HOOK) >= 2


def test_a_line_that_one_context_has_twice_is_left_to_a_person(tmp_path: Path) -> None:
    files = {
        "extensions.conf": "[a]\nexten => _0X.,1,NoOp()\n#include one.conf\n#include one.conf\n",
        "one.conf": "same => n,Dial(PJSIP/${EXTEN}@carrier)\n",
    }
    site = PlainSite.of(tmp_path, files)
    planned = site.set_up()
    assert any("one.conf:1: one context includes" in one for one in planned.by_hand)
    assert site.text("one.conf") == files["one.conf"]
