"""The shipped subroutine leaves alone what a site has around it, and is not misled by it.

The site's variables, its own settings for AGI, its limits of time, a limit that the daemon arms
while it is asked; and the names of people, in which a caller can hide line breaks.
"""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.hook import WEDGED, Environment, Owners, refuse
from rig.settings import SHIPPED
from rig.waiting import patience_s, until
from tests.system.test_subroutine import NUMBER, Stage, silent

pytestmark = pytest.mark.asterisk

SUBROUTINE = (SHIPPED / "extensions_pbxbilling.conf").read_text()
OF_THE_CALL = {"PBXBILLING", "__PBXBILLING", "__PBXBILLING_SENT", "ARG3", "ARGC"}
_SET = re.compile(r"(?:Set\(|,)(?:LOCAL\()?([A-Za-z_]\w*)\)?=")
OURS = sorted(set(_SET.findall(SUBROUTINE.partition("[pbxbilling-admit]")[2])) - OF_THE_CALL)
"""Every variable that the subroutine keeps for itself while it runs."""
FREE = [name for name in OURS if not name.startswith("PBXBILLING_")]
"""Those whose names a site can have for something of its own."""


@pytest.fixture
def stage(each_asterisk: Asterisk, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as peers:
        yield Stage(each_asterisk, peers, tmp_path)


def site(before: str, after: str = "", number: str = NUMBER) -> str:
    """Return extension *91: steps of the site's, the subroutine, steps, and the trunk."""
    steps = [
        *before.splitlines(),
        f"Gosub(pbxbilling-admit,s,1(outbound,${{TENANT}},{number}))",
        *after.splitlines(),
        f"Dial(PJSIP/{NUMBER}@carrier)",
    ]
    return "exten => *91,1,NoOp()\n" + "".join(f" same => n,{step}\n" for step in steps)


# --- the site's variables ----------------------------------------------------------------------

HOSTILE = ["1", "yes", "ADMIT|globex|outbound|ok||||", "127.0.0.1:1", "0"]
FALLBACK = "ADMIT||outbound|fallback||||"


def _hostile(value: str) -> str:
    return "\n".join(f"Set({name}={value})" for name in FREE)


@pytest.mark.parametrize("value", HOSTILE)
def test_no_variable_of_the_sites_changes_a_verdict(stage: Stage, value: str) -> None:
    first = stage.hook(Owners())
    stage.set(HOOK_SECONDS="0.3")
    stage.asterisk.add_dialplan(site(_hostile(value)))
    stage.phone.dial("*91").hang_up()
    first.verdict = refuse
    assert stage.ended("*91").status == 486
    first.verdict = silent
    second = stage.hook(silent, "PBXBILLING_HOOK2")
    stage.phone.dial("*91")
    assert stage.variable() == FALLBACK
    assert len(second.requests) == 1
    first.verdict = lambda _: WEDGED
    stage.set(FALLBACK="closed")
    assert stage.ended("*91").status == 486
    assert len(second.requests) == 2


def test_the_hook_of_a_refused_calls_place_asks_both_daemons_anew(stage: Stage) -> None:
    first, second = stage.hook(silent), stage.hook(silent, "PBXBILLING_HOOK2")
    stage.set(FALLBACK="closed", REFUSED="place,s,1")
    stage.asterisk.add_dialplan(
        "[place]\nexten => s,1,Gosub(pbxbilling-admit,s,1(outbound,acme,0155502))\n"
        " same => n,Dial(PJSIP/0155502@carrier)\n"
    )
    assert stage.ended().status == 486
    assert (len(first.requests), len(second.requests)) == (2, 2)


def test_the_site_has_its_variables_back_afterwards(stage: Stage) -> None:
    stage.hook(Owners())
    values = ",".join(f"{name}: ${{{name}}}" for name in FREE)
    stage.asterisk.add_dialplan(site(_hostile("site"), f"UserEvent(After,{values})"))
    with Ami(stage.asterisk.ami) as ami:
        stage.phone.dial("*91")
        seen = ami.wait("UserEvent", UserEvent="After")
    assert {seen[name] for name in FREE} == {"site"}


def test_a_site_without_variables_has_none_of_ours_afterwards(stage: Stage) -> None:
    stage.hook(silent)
    values = ",".join(f"{name}: [${{{name}}}]" for name in OURS)
    stage.asterisk.add_dialplan(site("NoOp()", f"UserEvent(After,{values})"))
    with Ami(stage.asterisk.ami) as ami:
        stage.phone.dial("*91")
        seen = ami.wait("UserEvent", UserEvent="After")
    assert {seen[name] for name in OURS} == {"[]"}


# --- AGI ---------------------------------------------------------------------------------------


class _HalfClosing(socketserver.StreamRequestHandler):
    """Admits, ends its own side, and notes what Asterisk still sends until it closes, too."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b'SET VARIABLE __PBXBILLING "ADMIT|acme|outbound|ok||||"\n')
        heard = self.rfile.readline()
        self.connection.shutdown(1)
        self.server.heard.append(heard + self.rfile.read())  # type: ignore[attr-defined]


@contextmanager
def _half_closing() -> Iterator[tuple[str, list[bytes]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _HalfClosing) as server:
        server.daemon_threads = True
        server.heard = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", server.heard  # type: ignore[attr-defined]
        server.shutdown()


def test_nothing_is_sent_to_a_daemon_that_has_answered(stage: Stage) -> None:
    with _half_closing() as (address, heard):
        stage.set(HOOK=address)
        stage.phone.dial(NUMBER)
        until(lambda: heard, "Asterisk closes the session")
    assert heard == [b"200 result=1\n"]


# --- limits of time ----------------------------------------------------------------------------


def _arming(stage: Stage, ami: Ami, seconds: int) -> Callable[[Environment], str]:
    def verdict(request: Environment) -> str:
        ami.action("AbsoluteTimeout", Channel=request["channel"], Timeout=str(seconds))
        return Owners()(request)

    return verdict


def test_a_limit_that_the_daemon_arms_meanwhile_stays(stage: Stage) -> None:
    stage.set(HOOK_SECONDS="0.5")
    stage.asterisk.add_dialplan(site("Set(TIMEOUT(absolute)=60)"))
    with Ami(stage.asterisk.ami) as ami:
        stage.hook(_arming(stage, ami, 2))
        before = time.monotonic()
        stage.phone.dial("*91").wait("ended")
    assert 1.5 < time.monotonic() - before < 2 + patience_s(2)


def test_the_sites_limit_ends_a_refused_call_within_its_announcement(stage: Stage) -> None:
    hook = stage.hook(refuse)
    stage.set(ANNOUNCE="demo-congrats", HOOK_SECONDS="0.3")
    stage.asterisk.add_dialplan(site("Set(TIMEOUT(absolute)=1)"))
    with Ami(stage.asterisk.ami) as ami:
        assert stage.ended("*91").status not in (0, 200)
        begun = [one for one in ami.events if one.get("Application") == "Playback"]
    assert len({one["Priority"] for one in begun}) == len(begun) == 1
    assert len(hook.requests) == 1
    assert not stage.carrier.incoming


# --- line breaks -------------------------------------------------------------------------------

BROKEN = "evil~agi_arg_1): globex~~x"  # ~ becomes a line feed
IN = {
    "CALLERID(name)": "calleridname",
    "CALLERID(num)": "callerid",
    "CALLERID(dnid)": "dnid",
    "REDIRECTING(from-num,i)": "rdnis",
}


@pytest.mark.parametrize("where", IN)
def test_a_line_break_in_what_a_caller_chose_adds_no_line(stage: Stage, where: str) -> None:
    hook = stage.hook(Owners())
    broken = f"Set(broken={BROKEN})\nSet({where}=${{REPLACE(broken,~,\\x0a)}})"
    stage.asterisk.add_dialplan(site(broken))
    stage.phone.dial("*91")
    (request,) = hook.requests
    assert request[IN[where]] == BROKEN.replace("~", "_")
    assert (request["arg_1"], request["arg_5"]) == ("", "from-acme")


def test_a_person_with_an_n_in_the_name_keeps_it(stage: Stage) -> None:
    """The line feed is written \\n in the dialplan, which some functions read as the letter."""
    hook = stage.hook(Owners())
    stage.asterisk.add_dialplan(site("Set(CALLERID(name)=Anna _nn)"))
    stage.phone.dial("*91")
    assert hook.requests[0]["calleridname"] == "Anna _nn"


# --- the journal -------------------------------------------------------------------------------


def test_a_call_goes_on_where_the_journals_module_is_missing(stage: Stage) -> None:
    stage.hook(Owners())
    stage.asterisk.rx("module unload app_celgenuserevent.so")
    try:
        assert stage.phone.dial(NUMBER).status == 200
    finally:
        stage.asterisk.rx("module load app_celgenuserevent.so")


# --- what a usual call costs -------------------------------------------------------------------

BOTH = ["GotoIf", "MSet", "AGI", "GotoIf"]
REFUSED = [*BOTH, "Hangup"]
ADMITTED = [*BOTH, "TryExec", "ExecIf", "Return"]
VARIABLES = ["LOCAL(AGIEXITONHANGUP)", "LOCAL(AGISIGHUP)", "__PBXBILLING", "AGISTATUS"]


def _reported(stage: Stage, last: str) -> tuple[list[str], list[str]]:
    """Return the subroutine's steps up to the last, and the variables that they set."""
    with Ami(stage.asterisk.ami) as ami:
        stage.phone.call(NUMBER)
        ami.wait("Newexten", Application=last)
        events = list(ami.events)
    begins = next(n for n, one in enumerate(events) if one.get("Application") == REFUSED[0])
    ends = next(n for n, one in enumerate(events) if one.get("Application") == last)
    steps = [
        one["Application"]
        for one in events[begins : ends + 1]
        if one["Event"] == "Newexten" and one["Context"] == "pbxbilling-admit"
    ]
    return steps, [e["Variable"] for e in events[begins:ends] if e["Event"] == "VarSet"]


@pytest.mark.parametrize(("admits", "expected"), [(False, REFUSED), (True, ADMITTED)])
def test_a_usual_call_takes_no_step_and_no_variable_that_it_does_not_need(
    stage: Stage, admits: bool, expected: list[str]
) -> None:
    """Most of what Asterisk does for a call is to report them to AMI, CDR and CEL (decision 23)."""
    stage.hook(Owners() if admits else refuse)
    steps, variables = _reported(stage, expected[-1])
    assert steps == expected
    assert sorted(variables) == sorted([*VARIABLES, *(["TRYSTATUS"] if admits else [])])
