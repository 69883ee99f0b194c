"""Which step is asked before which call, about which number, and what is left to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.setup.plain import PlainSite


def set_up(folder: Path, *lines: str, head: str = "[x]") -> tuple[list[str], list[str]]:
    """Return the lines after a set-up, and the places that are left to a person."""
    site = PlainSite.of(folder, {"extensions.conf": "\n".join([head, *lines, ""])})
    planned = site.set_up()
    place = f"{folder}/extensions.conf:"
    said = [one for one in planned.by_hand if one.startswith(place)]
    text = site.text("extensions.conf").split("\n")
    return text, [one.removeprefix(place) for one in said]


@pytest.mark.parametrize(
    ("exten", "application", "number"),
    [
        ("_0X.", "Dial(PJSIP/${EXTEN}@carrier)", "${EXTEN}"),
        ("_9X.", "Dial(PJSIP/${EXTEN:1}@carrier)", "${EXTEN:1}"),
        ("_9X.", "Dial(PJSIP/0049${EXTEN:1}@carrier)", "${EXTEN:1}"),
        ("_X.", "Dial(PJSIP/+${EXTEN}@carrier)", "+${EXTEN}"),
        ("_X.", "Dial(PJSIP/carrier/sip:${EXTEN}@1.2.3.4)", "${EXTEN}"),
        ("_X.", "Dial(PJSIP/carrier)", "${EXTEN}"),
        ("s", "Dial(PJSIP/${ARG1}@carrier)", "${ARG1}"),
        ("s", "Dial(PJSIP/${FILTER(0-9,${ARG1})}@carrier)", "${FILTER(0-9,${ARG1})}"),
        ("112", "Dial(PJSIP/112@carrier)", "112"),
        ("112", "Dial(PJSIP/9112@carrier)", "112"),
        ("112", "Dial(PJSIP/carrier)", "112"),
        ("taxi", "Dial(PJSIP/0155501@carrier)", "0155501"),
        ("9112", "Dial(PJSIP/112@carrier&PJSIP/112@carrier2)", "112"),
        ("_X.", "TryExec(Dial(PJSIP/${EXTEN}@carrier))", "${EXTEN}"),
    ],
)
def test_the_number(tmp_path: Path, exten: str, application: str, number: str) -> None:
    text, left = set_up(tmp_path, f"exten => {exten},1,{application}")
    asked = f"exten => {exten},1,Gosub(pbxbilling-admit,s,1(outbound,,{number}))"
    assert text[1:3] == [asked, f" same => n,{application}"]
    assert left == []


@pytest.mark.parametrize(
    ("application", "asked"),
    [
        ("ExecIf($[1]?Dial(PJSIP/1@carrier):Hangup())", "GosubIf($[1]?@1)"),
        ("ExecIf($[1]?Hangup():Dial(PJSIP/1@carrier))", "GosubIf($[1]?:@1)"),
        (
            'ExecIf($["a?b"="c"]?Dial(PJSIP/1@carrier):Dial(PJSIP/2@carrier))',
            'GosubIf($["a?b"="c"]?@1:@2)',
        ),
    ],
)
def test_under_the_condition_of_the_call(tmp_path: Path, application: str, asked: str) -> None:
    text, _ = set_up(tmp_path, f"exten => _X.,1,{application}")
    for number in "12":
        asked = asked.replace(f"@{number}", f"pbxbilling-admit,s,1(outbound,,{number})")
    assert text[1] == f"exten => _X.,1,{asked}"


@pytest.mark.parametrize(
    "step",
    [
        "exten => _X.,1,Dial(${ARG1},20)",
        "exten => _X.,1,Dial(PJSIP/${EXTEN}@${DB(trunk/main)})",
        "exten => _X.,1,Dial(${TRUNK}/${EXTEN})",
        "exten => s,1,Dial(PJSIP/carrier)",
        "exten => _X.,1,Originate(PJSIP/1@carrier,exten,x,1,1)",
        "exten => _X.,1,Page(PJSIP/1@carrier)",
        "exten => _X.,1,ExecIf($[1]?ExecIf($[1]?Dial(PJSIP/1@carrier)))",
    ],
)
def test_what_is_uncertain_is_left_to_a_person_with_its_place(tmp_path: Path, step: str) -> None:
    text, (left,) = set_up(tmp_path, step)
    assert text[1] == step
    assert left.startswith("2: ")
    assert "Gosub(pbxbilling-admit,s,1(outbound,,NUMBER))" in left


@pytest.mark.parametrize(
    "step",
    [
        "exten => 101,1,Dial(PJSIP/101,20)",
        "exten => _1XX,1,Dial(PJSIP/${EXTEN},20)",
        "exten => 1,1,Dial(Local/1@x)",
        "exten => 101,hint,PJSIP/1@carrier",
        "exten => 101,1,NoOp(Dial PJSIP/1@other)",
        "exten => 101,1,Queue(sales)",
    ],
)
def test_what_stays_inside_is_not_asked(tmp_path: Path, step: str) -> None:
    text, left = set_up(tmp_path, step)
    assert (text[1], left) == (step, [])


def test_a_hook_of_the_sites_own_is_enough(tmp_path: Path) -> None:
    lines = [
        "exten => _X.,1,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},${EXTEN}))",
        "same => n,Set(x=1)",
        "same => n,Dial(PJSIP/${EXTEN}@carrier)",
    ]
    text, left = set_up(tmp_path, *lines)
    assert (text[1:4], left) == (lines, [])


def test_globals_within_globals_name_a_trunk(tmp_path: Path) -> None:
    head = "[globals]\nOUT=${TRUNK}\nTRUNK=PJSIP/carrier\n[x]"
    text, _ = set_up(tmp_path, "exten => _X.,1,Dial(${OUT}/sip:${EXTEN}@h)", head=head)
    assert "exten => _X.,1,Gosub(pbxbilling-admit,s,1(outbound,,${EXTEN}))" in text
