"""The shipped subroutine pbxbilling-admit on a real Asterisk: its request, and its reaction to
the answer, to silence and to a wedged peer.
"""

import csv
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig import sipp
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.hook import WEDGED, Environment, Hook, Owners, refuse
from rig.leg import Leg
from rig.phone import Phone
from rig.site import Endpoint, claimed_ports
from rig.waiting import patience_s, until
from tests.support.kernel.spellings import (
    BEHIND_ZERO,
    DIALLED_ANYHOW,
    NO_EMERGENCY,
    SPELLED_112,
    in_sip,
)
from tests.system.conftest import ABSENT

pytestmark = pytest.mark.asterisk

NUMBER = "0155501"


class Stage:
    """A phone of acme and a carrier that answers, around one Asterisk."""

    def __init__(self, asterisk: Asterisk, peers: ExitStack, folder: Path) -> None:
        self.asterisk = asterisk
        self.peers = peers
        self.folder = folder
        pbx, block = asterisk.block.pbx, asterisk.block
        self.phone = peers.enter_context(Phone(block.phone("acme"), pbx))
        self.carrier = peers.enter_context(Phone(block.carrier(), pbx, answers=True))

    def hook(self, verdict: object = None, name: str = "PBXBILLING_HOOK") -> Hook:
        hook = self.peers.enter_context(Hook(verdict))  # type: ignore[arg-type]
        self.asterisk.set_global(name, hook.address)
        return hook

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self.asterisk.set_global(f"PBXBILLING_{name}", value)

    def name_no_hook(self) -> None:
        """Unset the hook, as a site does that forgets or misspells the global."""
        with Ami(self.asterisk.ami, events="off") as ami:
            ami.action("Setvar", Variable="PBXBILLING_HOOK", Value="")

    def ended(self, number: str = NUMBER) -> Leg:
        return self.phone.call(number).wait("ended")

    def variable(self, endpoint: str = "PJSIP/acme1") -> str:
        """Return PBXBILLING of the live channel, as the list of channels shows it."""
        with Ami(self.asterisk.ami) as ami:
            rows = [c for c in ami.channels() if c["Channel"].startswith(f"{endpoint}-")]
        return rows[0]["ChanVariable"].removeprefix("PBXBILLING=")

    def witnesses(self) -> list[str]:
        if not self.asterisk.journal.exists():  # Asterisk creates it with the first row
            return []
        with self.asterisk.journal.open(newline="") as journal:
            return [row[-1] for row in csv.reader(journal) if row[0] == "PBXBILLING"]


@pytest.fixture
def stage(each_asterisk: Asterisk, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as peers:
        yield Stage(each_asterisk, peers, tmp_path)


@pytest.fixture
def stage22(asterisk: Asterisk, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as peers:
        yield Stage(asterisk, peers, tmp_path)


def test_the_hook_is_told_direction_tenant_linkedid_number_and_pbx(stage: Stage) -> None:
    hook = stage.hook()
    stage.phone.dial(NUMBER)
    request = hook.requests[0]
    assert request["network_script"] == "outbound"
    assert request["arg_1"] == ""
    assert request["arg_2"] == request["uniqueid"]
    assert request["arg_3"] == NUMBER
    assert request["arg_4"] == "pbx1"
    assert request["arg_5"] == "from-acme"
    assert request["accountcode"] == "acme"


def test_the_verdict_is_inherited_by_the_dialled_leg(stage: Stage) -> None:
    hook = stage.hook()
    stage.phone.dial(NUMBER)
    verdict = f"ADMIT|acme|outbound|ok|||{hook.requests[0]['uniqueid']}|"
    assert stage.variable("PJSIP/carrier") == verdict


def test_the_journal_has_a_witness_of_who_pays(stage: Stage) -> None:
    stage.hook()
    seen = len(stage.witnesses())
    globex = Phone(stage.asterisk.block.phone("globex"), stage.asterisk.block.pbx)
    stage.peers.enter_context(globex)
    globex.dial(NUMBER)
    rows = until(lambda: stage.witnesses()[seen:], "the witness")
    assert rows == [f'{{"extra":"outbound|globex|{NUMBER}"}}']


@pytest.mark.parametrize(("cause", "status"), [("17", 486), ("21", 403), ("34", 503), ("", 486)])
def test_a_refusal_ends_with_its_cause_before_any_answer(
    stage22: Stage, cause: str, status: int
) -> None:
    stage22.hook(lambda _: f"REFUSE|acme|outbound|suspended|{cause}|||")
    assert stage22.ended().status == status
    assert not stage22.carrier.incoming


def test_a_refused_caller_hears_the_announcement_of_the_reason(stage: Stage) -> None:
    stage.hook(refuse)
    stage.set(ANNOUNCE_max_calls="vm-goodbye")
    here = stage.asterisk.block.phone("acme", 2)
    with sipp.call(stage.folder, stage.asterisk.block.pbx, here, NUMBER) as caller:
        assert caller.finish() == {486: 1}
        assert [h.what for h in caller.happenings()] == ["early", "final"]


def test_without_a_sound_for_the_reason_the_general_one_is_played(stage22: Stage) -> None:
    stage22.hook(refuse)
    stage22.set(ANNOUNCE="vm-goodbye", ANNOUNCE_suspended="nothing-like-it")
    here = stage22.asterisk.block.phone("acme", 2)
    with sipp.call(stage22.folder, stage22.asterisk.block.pbx, here, NUMBER) as caller:
        assert caller.finish() == {486: 1}
        assert caller.happenings("early")


def silent(_: Environment) -> None:
    """Close without an answer; Asterisk calls that SUCCESS."""


def test_silence_lets_the_call_go_on_by_default(stage: Stage) -> None:
    stage.hook(silent)
    stage.phone.dial(NUMBER)
    assert stage.variable() == "ADMIT||outbound|fallback||||"


def test_an_absent_daemon_lets_the_call_go_on_by_default(stage: Stage) -> None:
    stage.phone.dial(NUMBER)
    assert stage.variable() == "ADMIT||outbound|fallback||||"


def test_closed_refuses_when_no_daemon_speaks(stage: Stage) -> None:
    stage.set(FALLBACK="closed")
    assert stage.ended().status == 486
    stage.hook(silent)
    stage.set(FALLBACK_CAUSE="34")
    assert stage.ended().status == 503


@pytest.mark.parametrize("round_", range(5))
def test_a_group_admits_exactly_its_size_of_twenty_at_once(stage: Stage, round_: int) -> None:
    stage.set(FALLBACK="group:5")
    here = stage.asterisk.block.phone("acme", 2)
    pbx = stage.asterisk.block.pbx
    with sipp.call(stage.folder, pbx, here, NUMBER, count=20, hold_s=patience_s(0.5)) as caller:
        assert caller.finish() == {200: 5, 486: 15}
    stage.asterisk.wait_idle()
    with sipp.call(stage.folder, pbx, here, NUMBER, count=6, hold_s=patience_s(0.5)) as caller:
        assert caller.finish() == {200: 5, 486: 1}


def test_groups_are_counted_for_each_tenant(stage: Stage) -> None:
    stage.set(FALLBACK="group:1")
    for tenant in ("globex", "initech"):
        phone = Phone(stage.asterisk.block.phone(tenant), stage.asterisk.block.pbx)
        stage.peers.enter_context(phone)
        phone.dial(NUMBER)
        assert phone.call(NUMBER).wait("ended").status == 486


def test_a_live_call_takes_no_second_place_in_its_group(stage: Stage) -> None:
    stage.hook()
    leg = stage.phone.dial(NUMBER)
    stage.set(HOOK=ABSENT, FALLBACK="group:1")
    colleague = Phone(stage.asterisk.block.phone("acme", 2), stage.asterisk.block.pbx, answers=True)
    stage.peers.enter_context(colleague)
    time.sleep(0.2)  # both legs are in their bridge
    leg.transfer("12")
    colleague.wait_incoming().wait("up")
    leg.wait("ended")
    assert stage.ended().status == 486, "the transferred trunk leg holds the tenant's one place"


def test_a_saved_owner_is_restored_when_the_daemon_is_away(stage: Stage) -> None:
    hook = stage.hook()
    leg = stage.phone.dial(NUMBER)
    owner = f"ADMIT|acme|outbound|ok|||{hook.requests[0]['uniqueid']}|"
    stage.set(HOOK=ABSENT)
    colleague = Phone(stage.asterisk.block.phone("acme", 2), stage.asterisk.block.pbx, answers=True)
    stage.peers.enter_context(colleague)
    time.sleep(0.2)  # both legs are in their bridge
    leg.transfer("12")
    colleague.wait_incoming().wait("up")
    assert stage.variable("PJSIP/acme2") == owner


def test_an_inherited_verdict_does_not_pass_for_a_fresh_one(stage: Stage) -> None:
    hook = stage.hook()
    leg = stage.phone.dial(NUMBER)
    hook.verdict = refuse
    time.sleep(0.2)  # both legs are in their bridge
    leg.transfer("12")
    stage.carrier.incoming[0].wait("ended")


def test_the_second_hook_is_asked_when_the_first_is_absent_or_silent(stage: Stage) -> None:
    second = stage.hook(name="PBXBILLING_HOOK2")
    stage.phone.dial(NUMBER).hang_up()
    stage.hook(silent)
    stage.phone.dial(NUMBER)
    assert len(second.requests) == 2
    assert stage.variable().startswith("ADMIT|acme|outbound|ok|")


def test_a_site_that_names_no_hook_asks_the_daemons_own_port(stage: Stage) -> None:
    with claimed_ports(4590), Hook(refuse, 4590) as hook:
        stage.name_no_hook()
        assert stage.ended().status == 486
        assert len(hook.requests) == 1


def test_the_second_hook_is_asked_once_where_nobody_is_at_the_daemons_own_port(
    stage: Stage,
) -> None:
    second = stage.hook(name="PBXBILLING_HOOK2")
    stage.name_no_hook()
    with claimed_ports(4590):
        stage.phone.dial(NUMBER).hang_up()
        second.verdict = silent
        stage.phone.dial(NUMBER)
    assert len(second.requests) == 2
    assert stage.variable() == "ADMIT||outbound|fallback||||"


def test_a_wedged_daemon_holds_a_caller_for_a_moment_only(stage: Stage) -> None:
    first = stage.hook(lambda _: WEDGED)
    second = stage.hook(lambda _: WEDGED, "PBXBILLING_HOOK2")
    stage.set(HOOK_SECONDS="0.3")
    before = time.monotonic()
    stage.phone.dial(NUMBER)
    assert 0.5 < time.monotonic() - before < patience_s(0.6)  # a caller waits for no daemon
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert stage.variable() == "ADMIT||outbound|fallback||||"


def test_a_caller_who_hangs_up_leaves_a_wedged_daemon_at_once(stage: Stage) -> None:
    hook = stage.hook(lambda _: WEDGED)
    stage.set(HOOK_SECONDS="30")
    leg = stage.phone.call(NUMBER)
    until(lambda: hook.requests, "the hook is asked")
    leg.hang_up()
    stage.asterisk.wait_idle(2)


EMERGENCIES = ["112", "911", "0112"]


@pytest.mark.parametrize("number", EMERGENCIES)
def test_an_emergency_is_never_refused(stage: Stage, number: str) -> None:
    stage.set(EMERGENCY_PREFIX="0|9")
    stage.hook(refuse)
    stage.phone.dial(number).hang_up()
    stage.set(FALLBACK="closed", HOOK=ABSENT)
    stage.phone.dial(number).hang_up()
    stage.set(FALLBACK="group:0", HOOK_SECONDS="0.2")
    stage.hook(lambda _: WEDGED)
    stage.phone.dial(number)
    assert stage.variable() == "ADMIT||outbound|emergency||||emergency"


def test_the_daemon_is_told_of_an_emergency_all_the_same(stage22: Stage) -> None:
    hook = stage22.hook()
    stage22.phone.dial("112")
    assert hook.requests[0]["arg_3"] == "112"


def _answered(stage: Stage, numbers: tuple[str, ...]) -> list[str]:
    """Return those of the numbers that were answered; the others were refused."""
    stage.asterisk.add_dialplan(DIALLED_ANYHOW)
    got_through = []
    for number in numbers:
        leg = stage.phone.call(in_sip(number))
        stage.phone.await_change(lambda leg=leg: leg.status != 0, f"{number!r} is decided", 10)  # type: ignore[misc]
        assert leg.status in (200, 486), number
        if leg.status == 200:
            got_through.append(number)
            leg.hang_up()
    return got_through


SPELLINGS = (*SPELLED_112, *NO_EMERGENCY)


@pytest.mark.parametrize("fallback", ["closed", "group:0"])
def test_an_emergency_is_never_refused_in_any_spelling_without_a_daemon(
    stage: Stage, fallback: str
) -> None:
    stage.set(FALLBACK=fallback)
    assert _answered(stage, (*SPELLINGS, *BEHIND_ZERO)) == list(SPELLED_112)


def test_an_emergency_is_never_refused_in_any_spelling_whatever_a_daemon_says(
    stage: Stage,
) -> None:
    stage.hook(refuse)
    stage.set(EMERGENCY_PREFIX="0")
    assert _answered(stage, (*SPELLINGS, *BEHIND_ZERO)) == [*SPELLED_112, *BEHIND_ZERO]


def test_an_inbound_call_is_never_an_emergency(stage: Stage) -> None:
    """A DID, or an extension that a carrier reaches, can be called 999: it is no emergency call."""
    stage.asterisk.add_dialplan(
        "exten => 999,1,Gosub(pbxbilling-admit,s,1(inbound,acme,${EXTEN}))\n"
        "same => n,Answer()\n"
        "same => n,Wait(5)\n"
    )
    stage.hook(refuse)
    assert _refused(stage, "999")
    stage.set(FALLBACK="closed", HOOK=ABSENT)
    assert _refused(stage, "999")


def _refused(stage: Stage, number: str) -> bool:
    leg = stage.phone.call(number)
    stage.phone.await_change(lambda: leg.status != 0, f"{number!r} is decided", 10)
    return leg.status == 486


@pytest.mark.parametrize("number", ["1-1-2", "0(155)904", "1 1 2", "+112#"])
def test_the_journal_has_the_number_as_it_was_dialled(stage22: Stage, number: str) -> None:
    seen = len(stage22.witnesses())
    stage22.hook()
    _answered(stage22, (number,))
    (row,) = until(lambda: stage22.witnesses()[seen:], "the witness")
    assert json.loads(row)["extra"] == f"outbound||{number.translate({40: '_', 41: '_'})}"


def test_what_stands_behind_a_comma_is_of_the_number(stage: Stage) -> None:
    hook = stage.hook()
    _answered(stage, ("9155,globex,,7",))
    request = hook.requests[0]
    assert request["arg_3"] == "9155_globex__7"
    assert (request["arg_4"], request["arg_5"]) == ("pbx1", "from-acme")


@pytest.mark.parametrize(
    "number", ["0155,globex", "0%220155501,x%22", "0a%29b%28c", "0%24%7bX%7d", "0%5b1", "0%7b1"]
)
def test_a_strange_number_does_not_shift_the_hooks_arguments(stage22: Stage, number: str) -> None:
    hook = stage22.hook()
    stage22.phone.call(number)
    request = until(lambda: hook.requests, "the hook is asked")[0]
    assert request["arg_2"] == request["uniqueid"]
    assert request["arg_4"] == "pbx1"
    assert request["arg_5"] == "from-acme"


BROKEN = "15550199%0aagi_arg_1%3a%20evil%0a%0a"
"""In SIP's form: the lines that it would add end the request before our arguments arrive."""


@pytest.mark.parametrize("begins", ["0", "0,7,"])
def test_a_line_break_in_the_number_adds_no_line_to_the_request(stage: Stage, begins: str) -> None:
    hook = stage.hook()
    stage.phone.call(f"{begins}{BROKEN}")
    request = until(lambda: hook.requests, "the hook is asked")[0]
    assert request["dnid"] == f"{begins}15550199_agi_arg_1: evil__"
    assert request["arg_3"] == f"{begins.replace(',', '_')}15550199_agi_arg_1_ evil__"
    assert request["arg_4"] == "pbx1"


def test_a_line_break_in_the_callers_number_adds_no_line_to_the_request(stage: Stage) -> None:
    hook = stage.hook()
    stage.carrier.here = Endpoint(BROKEN, stage.carrier.here.address)
    stage.carrier.call("+15550100")
    request = until(lambda: hook.requests, "the hook is asked")[0]
    assert request["callerid"] == "15550199_agi_arg_1: evil__"
    assert request["arg_1"] == "acme"


def test_a_limit_of_the_sites_own_stays_in_force(stage: Stage) -> None:
    stage.hook()
    stage.asterisk.add_dialplan("""
exten => *91,1,Set(TIMEOUT(absolute)=1.5)
 same => n,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},0155501))
 same => n,Dial(PJSIP/0155501@carrier)
""")
    before = time.monotonic()
    stage.phone.dial("*91").wait("ended")
    assert 1.2 < time.monotonic() - before < 1.5 + patience_s(1)


def test_no_limit_is_left_where_there_was_none(stage22: Stage) -> None:
    stage22.hook(Owners())
    stage22.set(HOOK_SECONDS="0.5")
    leg = stage22.phone.dial(NUMBER)
    with pytest.raises(TimeoutError):
        leg.wait("ended", 1.0)


def test_the_subroutine_leaves_no_error_in_asterisks_log(stage: Stage) -> None:
    start = stage.asterisk.log.stat().st_size
    stage.hook()
    stage.phone.dial(NUMBER).hang_up()
    stage.asterisk.add_dialplan("""
exten => *92,1,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},))
exten => *93,1,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},0155501,,7))
""")
    stage.set(FALLBACK="group:1")
    stage.hook(silent)
    stage.phone.dial(NUMBER)
    assert [stage.ended(number).status for number in (NUMBER, "*92", "*93")] == [486] * 3
    log = stage.asterisk.log.read_text(errors="replace")[start:]
    assert [line for line in log.splitlines() if "WARNING" in line or "ERROR" in line] == []
