"""Where a refused call goes, PBXBILLING_REFUSED, and its reason in the CDR: on a real Asterisk.

The caller of the subroutine dials a trunk in its next line, from within a subroutine and, on
Asterisk 16, a macro of the site. Whatever the place does, that line must never run.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from rig import provision, sipp
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.hook import Environment, Owners, refuse
from rig.leg import Leg
from rig.phone import Phone
from rig.settings import TEMPLATES, Settings
from rig.site import claimed_block
from rig.waiting import until
from tests.support.daemon.daemon import Daemon
from tests.support.daemon.stage import accounts
from tests.support.docs.pages import files
from tests.system.conftest import ABSENT
from tests.system.test_doctor import examined
from tests.system.test_subroutine import NUMBER, Stage, silent

pytestmark = pytest.mark.asterisk

PLACES = """
exten => *91,1,Gosub(callers,s,1)
exten => *92,1,Macro(callers)
exten => *93,1,Gosub(callers,s,macro)
[callers]
exten => s,1,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},0155501))
 same => n,Dial(PJSIP/0155501@carrier)
 same => n,Return()
 same => n(macro),Macro(callers)
 same => n,Dial(PJSIP/0155501@carrier)
 same => n,Return()
[macro-callers]
exten => s,1,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},0155501))
 same => n,Dial(PJSIP/0155501@carrier)
[place]
exten => hangs-up,1,Hangup(21)
exten => labelled,1,NoOp()
 same => n(there),Hangup(21)
exten => _pat.,1,Hangup(21)
exten => by-its-verdict,1,Hangup(${CUT(PBXBILLING,|,5)})
exten => answers,1,Answer()
 same => n,Wait(30)
exten => returns,1,Return()
exten => returns-from-its-own,1,Gosub(place,hangs-nothing-up,1)
 same => n,Return()
exten => hangs-nothing-up,1,Return()
exten => falls-off,1,NoOp()
exten => exits-a-macro,1,MacroExit()
exten => asks-again,1,Gosub(pbxbilling-admit,s,1(outbound,acme,0155502))
 same => n,Dial(PJSIP/0155502@carrier)
exten => dials-back,1,Dial(Local/0155503@from-acme)
exten => goes-back,1,Goto(from-acme,0155504,1)
exten => tells,1,UserEvent(Refused,verdict: ${PBXBILLING})
 same => n,Hangup(21)
exten => dials-a-colleague,1,Dial(PJSIP/acme2)
exten => goes-on,1,Gosub(pbxbilling-admit,s,1(outbound,acme,0155505))
 same => n,Dial(PJSIP/0155505@carrier)
"""


@pytest.fixture
def stage(each_asterisk: Asterisk, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as peers:
        each_asterisk.add_dialplan(PLACES)
        yield Stage(each_asterisk, peers, tmp_path)


@pytest.fixture
def old_stage(old_asterisk: Asterisk, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as peers:
        old_asterisk.add_dialplan(PLACES)
        yield Stage(old_asterisk, peers, tmp_path)


WAYS = {
    "hangs-up": 403,
    "by-its-verdict": 486,
    "returns": 486,
    "returns-from-its-own": 486,
    "falls-off": 603,
    "asks-again": 486,
    "dials-back": 486,
    "goes-back": 486,
}
"""What a place does → the status that the caller gets: its own, or that of the refusal."""


@pytest.mark.parametrize("place", WAYS)
def test_no_place_leads_a_refused_call_back_to_its_caller(stage: Stage, place: str) -> None:
    _stays_refused(stage, "*91", place)


@pytest.mark.parametrize("caller", ["*92", "*93"], ids=["a macro", "a macro in a subroutine"])
@pytest.mark.parametrize("place", [*WAYS, "exits-a-macro"])
def test_no_place_leads_a_refused_call_back_to_a_macro(
    old_stage: Stage, place: str, caller: str
) -> None:
    """As FreePBX 16 has them; Asterisk 21 and later have none."""
    _stays_refused(old_stage, caller, place)


def _stays_refused(stage: Stage, caller: str, place: str) -> None:
    hook = stage.hook(refuse)
    stage.set(REFUSED=f"place,{place},1")
    leg = stage.ended(caller)
    stage.asterisk.wait_idle()
    assert stage.carrier.incoming == []
    assert leg.status == WAYS.get(place, 603)
    assert len(hook.requests) <= 2, "a call goes to its place once, and so does what it dials there"


NO_PLACES = [
    "place,nothing,1",
    "place,hangs-up,2",
    "place,hangs-up,nowhere",
    "nowhere,s,1",
    "place",
    "s,1",
    "1",
    "place,hangs-up,0",
    "place,hangs-up,-1",
    "place,hangs-up,1)",
    "(,,",
    ",,",
    "pbxbilling-admit,s,1",
    "pbxbilling-admit,s,admitted",
]


@pytest.mark.parametrize("value", NO_PLACES)
def test_what_is_no_place_hangs_up_with_the_cause(stage: Stage, value: str) -> None:
    stage.hook(lambda _: "REFUSE|acme|outbound|suspended|34|||")
    stage.set(REFUSED=value)
    assert stage.ended("*91").status == 503
    assert stage.carrier.incoming == []


@pytest.mark.parametrize(
    "value", ["place,labelled,there", "place,pat1,1", "place,hangs-up,1(an argument)"]
)
def test_a_place_can_be_a_label_or_match_a_pattern(stage: Stage, value: str) -> None:
    stage.hook(refuse)
    stage.set(REFUSED=value)
    assert stage.ended().status == 403


def test_a_place_of_a_reason_is_for_that_reason_alone(stage: Stage) -> None:
    hook = stage.hook(refuse)
    stage.set(REFUSED_max_calls="place,hangs-up,1")
    assert stage.ended().status == 403
    hook.verdict = lambda _: "REFUSE|acme|outbound|suspended|34|||"
    assert stage.ended().status == 503
    stage.set(REFUSED="place,by-its-verdict,1", REFUSED_suspended="place,hangs-up,1")
    assert stage.ended().status == 403
    hook.verdict = lambda _: "REFUSE|acme|outbound|allowance|34|||"
    assert stage.ended().status == 503


def test_the_call_gets_there_unanswered_and_the_place_may_answer(stage: Stage) -> None:
    stage.hook(refuse)
    stage.set(REFUSED="place,answers,1")
    assert stage.phone.dial(NUMBER).status == 200


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("REFUSE|acme|outbound|suspended|34|||", "REFUSE|acme|outbound|suspended|34|||"),
        ("REFUSE|acme|outbound|max_calls||||", "REFUSE|acme|outbound|max_calls|17|||"),
    ],
)
def test_the_place_reads_reason_and_cause_from_the_verdict(
    stage: Stage, verdict: str, told: str
) -> None:
    stage.hook(lambda _: verdict)
    assert _told(stage) == told


@pytest.mark.parametrize("fallback", ["closed", "group:0"])
def test_a_refusal_of_the_fallback_has_its_place_and_a_verdict_too(
    stage: Stage, fallback: str
) -> None:
    stage.hook(silent)
    stage.set(FALLBACK=fallback, FALLBACK_CAUSE="34")
    assert _told(stage) == "REFUSE||outbound|fallback|34|||"


def _told(stage: Stage) -> str:
    """Return the verdict that the place of a refused call saw."""
    stage.set(REFUSED="place,tells,1")
    with Ami(stage.asterisk.ami) as ami:
        assert stage.ended().status == 403
        return ami.wait("UserEvent", UserEvent="Refused")["verdict"]


def test_the_announcement_precedes_the_place(stage: Stage) -> None:
    stage.hook(refuse)
    stage.set(ANNOUNCE="vm-goodbye", REFUSED="place,hangs-up,1")
    here = stage.asterisk.block.phone("acme", 2)
    with sipp.call(stage.folder, stage.asterisk.block.pbx, here, NUMBER) as caller:
        assert caller.finish() == {403: 1}
        assert [h.what for h in caller.happenings()] == ["early", "final"]


def test_an_emergency_goes_to_no_place(stage: Stage) -> None:
    stage.set(REFUSED="place,hangs-up,1")
    stage.hook(refuse)
    assert stage.phone.dial("112").status == 200
    stage.set(FALLBACK="closed", HOOK=ABSENT)
    assert stage.phone.dial("112").status == 200


def test_the_journal_knows_whose_call_is_led_to_a_place(stage: Stage) -> None:
    """A place may dial a trunk: whoever pays for that leg is known by nothing else."""
    stage.hook(refuse)
    stage.set(REFUSED="place,hangs-up,1")
    seen = len(stage.witnesses())
    stage.ended("*91")
    rows = until(lambda: stage.witnesses()[seen:], "the witness")
    assert rows == [f'{{"extra":"outbound||{NUMBER}"}}']


def test_what_a_refused_call_dials_inherits_no_verdict(stage: Stage) -> None:
    stage.hook(refuse)
    stage.set(REFUSED="place,dials-a-colleague,1")
    here = stage.asterisk.block.phone("acme", 2)
    colleague = stage.peers.enter_context(Phone(here, stage.asterisk.block.pbx, answers=True))
    stage.phone.call(NUMBER)
    colleague.wait_incoming().wait("up")
    assert stage.variable("PJSIP/acme2") == ""


def _first_refused(
    then: Callable[[Environment], str | None],
) -> Callable[[Environment], str | None]:
    asked: list[Environment] = []

    def verdict(request: Environment) -> str | None:
        asked.append(request)
        return refuse(request) if len(asked) == 1 else then(request)

    return verdict


@pytest.mark.parametrize(
    ("then", "verdict"),
    [(Owners(), "ADMIT|acme|outbound|ok|||"), (silent, "ADMIT|acme|outbound|fallback|||")],
    ids=["a daemon", "the fallback"],
)
def test_a_refusal_does_not_pass_for_the_verdict_of_a_later_hook(
    stage: Stage, then: Callable[[Environment], str | None], verdict: str
) -> None:
    stage.hook(_first_refused(then))
    stage.set(REFUSED="place,goes-on,1")
    stage.phone.dial(NUMBER)
    assert [leg.number for leg in stage.carrier.incoming] == ["0155505"]
    assert stage.variable().startswith(verdict)


# --- what the page shows -----------------------------------------------------------------------


def test_the_places_of_the_page_are_found_by_the_doctor_and_by_calls(
    each_asterisk: Asterisk, tmp_path: Path
) -> None:
    page = files("docs/guides/refused.md", "To a place of your own")["extensions.conf"]
    named, _, places = page.partition("[refused]")
    each_asterisk.add_dialplan(f"[refused]{places.replace('accounting', 'globex1')}")
    for name, value in re.findall(r"^(PBXBILLING_\w+)=(.*)$", named, re.MULTILINE):
        each_asterisk.set_global(name, value)
    each_asterisk.set_global("PBXBILLING_REFUSED_allowance", "nowhere,s,1")
    each_asterisk.set_global("PBXBILLING_REFUSED_fallback", "refused,s")
    with Daemon(each_asterisk, tmp_path, more="[refusal]\nmax_calls = 34\n") as daemon:
        _, found = examined(daemon)
        daemon.apply(accounts("none"))
        with ExitStack() as peers:
            stage = Stage(each_asterisk, peers, tmp_path)
            stage.asterisk.set_global("PBXBILLING_HOOK", daemon.hook)
            assert stage.ended().status == 503
    of_pbx = {name: check["found"] for (_, name), check in found.items() if "REFUSED" in name}
    instead = "refused calls are hung up instead"
    assert of_pbx == {
        "PBXBILLING_REFUSED": "refused,s,1",
        "PBXBILLING_REFUSED_suspended": "refused,suspended,1",
        "PBXBILLING_REFUSED_allowance": f"the dialplan has no nowhere,s,1: {instead}",
        "PBXBILLING_REFUSED_fallback": f'"refused,s" is no place: {instead}',
    }


# --- the reason in the CDR ---------------------------------------------------------------------

_MODULES = (TEMPLATES / "modules.conf").read_text()
_PAGE = files("docs/guides/refused.md", "In the CDR")
_CDRS = {**_PAGE, "modules.conf": f"{_MODULES}load = cdr_custom.so\n"}
RELEASES = pytest.mark.parametrize(
    "release", [provision.ASTERISK_22, provision.ASTERISK_16], ids=["22", "16"]
)


@contextmanager
def _started(release: provision.Release, folder: Path, **more: str) -> Iterator[Stage]:
    """Start an Asterisk with these files of /etc/asterisk (`_` for `.`), and a stage around it."""
    try:
        provision.chroot(release)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk {release.major}: {reason}")
    named = {name.replace("_conf", ".conf"): text for name, text in more.items()}
    (folder / "asterisk/log/cdr-custom").mkdir(parents=True)
    with ExitStack() as stack:
        block = stack.enter_context(claimed_block())
        settings = Settings(hook=ABSENT, files={**_CDRS, **named}, site=PLACES)
        asterisk = stack.enter_context(Asterisk(release, folder / "asterisk", block, settings))
        yield Stage(asterisk, stack, folder)


def _refused_by(stage: Stage, place: str = "") -> Leg:
    stage.hook(refuse)
    if place:
        stage.set(REFUSED=f"place,{place},1")
    leg = stage.ended()
    stage.asterisk.wait_idle()
    return leg


@RELEASES
def test_the_reason_is_in_every_backend_of_the_cdr(
    release: provision.Release, tmp_path: Path
) -> None:
    with _started(release, tmp_path) as stage, Ami(stage.asterisk.ami) as ami:
        assert _refused_by(stage).status == 486
        assert ami.wait("Cdr", Source="11")["Refused"] == "max_calls"
        written = stage.asterisk.directory / "log/cdr-custom/pbxbilling.csv"
        rows = until(lambda: _rows(written), "the row of the CDR")
        assert [row[1:] for row in rows] == [["11", "max_calls"]]
        since = len(ami.events)
        stage.hook()
        stage.phone.dial(NUMBER).hang_up()
        assert not ami.wait("Cdr", since, Source="11").get("Refused")


def _rows(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.reader(file) if row]


ANSWERED_ONLY = "[general]\nenable = yes\n"


@RELEASES
def test_without_unanswered_only_a_place_that_dials_or_answers_makes_a_cdr(
    release: provision.Release, tmp_path: Path
) -> None:
    with (
        _started(release, tmp_path, cdr_conf=ANSWERED_ONLY) as stage,
        Ami(stage.asterisk.ami) as ami,
    ):
        _refused_by(stage)
        _refused_by(stage, "hangs-up")
        stage.set(REFUSED="place,answers,1")
        stage.phone.dial(NUMBER).hang_up()
        first = ami.wait("Cdr", Source="11")
        assert (first["Refused"], first["Disposition"]) == ("max_calls", "ANSWERED")
        assert len([e for e in ami.events if e["Event"] == "Cdr"]) == 1


ANSWERED = """
exten => *94,1,Answer()
 same => n,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},0155501))
 same => n,Dial(PJSIP/0155501@carrier)
"""


@RELEASES
def test_a_call_that_was_answered_before_has_its_reason_in_the_cdr_in_any_case(
    release: provision.Release, tmp_path: Path
) -> None:
    with (
        _started(release, tmp_path, cdr_conf=ANSWERED_ONLY) as stage,
        Ami(stage.asterisk.ami) as ami,
    ):
        stage.hook(refuse)
        stage.asterisk.add_dialplan(ANSWERED)
        stage.phone.dial("*94").wait("ended")
        written = ami.wait("Cdr", Source="11")
        assert (written["Refused"], written["Disposition"]) == ("max_calls", "ANSWERED")


WITHOUT = {
    "no func_cdr": {"modules_conf": _MODULES.replace("load = func_cdr.so\n", "")},
    "no func_config": {"modules_conf": _MODULES.replace("load = func_config.so\n", "")},
    "no CDR": {"cdr_conf": "[general]\nenable = no\n"},
}


@RELEASES
@pytest.mark.parametrize("lacks", WITHOUT)
def test_calls_are_judged_and_led_without_cdrs(
    release: provision.Release, lacks: str, tmp_path: Path
) -> None:
    with _started(release, tmp_path, **WITHOUT[lacks]) as stage:
        assert _refused_by(stage).status == 486
        assert _refused_by(stage, "hangs-up").status == 403
        stage.hook()
        assert stage.phone.dial(NUMBER).status == 200
