"""A number from the hook, AMI or the journal: one reading of it, and who may dial it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.agi.sessions.protocol import LINES, Environment
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.journal.fold import JournalFold
from pbxbilling.calls.journal.journal import JournalPosition, JournalRow
from pbxbilling.calls.live.channel import Trunks
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import Plan
from pbxbilling.cel.lines import parse_lines
from pbxbilling.kernel.codes import Direction, Mode, Reason
from pbxbilling.kernel.numbers import number_in, read
from tests.support.calls.journal_rows import PHONE, TRUNK, line, row
from tests.support.calls.world import World
from tests.support.kernel.spellings import dialled, spelled_anew

RATES = (
    DestinationRate("0155", 9_000_000, "Premium"),
    DestinationRate("44", 120_000),
    DestinationRate("1", 500_000, in_allowance=True),
)
PRICED = Plan("plan", included_minutes=1000, overage_per_minute_micros=10_000, destinations=RATES)
PLAIN = Plan("plan", included_minutes=1000)
UNUSABLE = ["0155x901", "1800FLOWERS", "*670155901", "#31#0155901", "alice", "0155901;ext=7"]


def written(number: str) -> str:
    """Return what the subroutine passes on of a dialled number."""
    return re.sub(r'[\t\n\r"$(),:\[\\\]{|}]', "_", number)


def by_hook(number: str) -> str:
    """Return the number in the request of a hook."""
    arguments = ("acme", "1", written(number), "pbx1", "from-acme")
    lines = [(name, "outbound" if name == "network_script" else "x") for name in LINES]
    lines += [(f"arg_{n}", value) for n, value in enumerate(arguments, 1)]
    environment = Environment()
    text = "".join(f"agi_{name}: {value}\n" for name, value in lines)
    assert environment.feed(f"{text}\n".encode())
    return environment.request().number


def talked(world: World, exten: str = "") -> LegRecord:
    """Let a phone call out and its trunk leg talk for 10 s."""
    phone = world.seen("1")._replace(exten=exten)
    leg = world.seen("2", "PJSIP/carrier-2", state=0)._replace(exten="s")
    world.born(phone)
    world.dials(phone, leg)
    world.answers(leg)
    world.clock.passed_s += 10
    world.hangs_up(leg)
    world.hangs_up(phone)
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    return ended


def journalled(exten: str, *witness: str) -> str:
    """Return the number of the leg that a journal shows for such a call."""
    extra = [json.dumps({"extra": f"outbound|acme|{number}"}) for number in witness]
    rows: list[JournalRow] = [
        row("CHAN_START", 0, 0, PHONE, exten=exten),
        *(row("PBXBILLING", 1, 0, PHONE, extra=each) for each in extra),
        row("CHAN_START", 2, 1, TRUNK, linked=0, exten="s"),
        row("ANSWER", 3, 1, TRUNK, linked=0, exten=exten, application="AppDial"),
        row("HANGUP", 9, 1, TRUNK, linked=0),
    ]
    lines = parse_lines(b"".join(map(line, rows)), more=False)
    fold = JournalFold("pbx1", Trunks(("PJSIP/carrier",)))
    (leg,) = fold.feed(lines.rows, JournalPosition())
    return leg.number


@given(dialled())
def test_a_number_has_one_reading_whoever_tells_it(number: str) -> None:
    assume("\x00" not in number)  # Asterisk's strings end there
    expected = read(number)
    assert read(by_hook(number)) == expected
    assert read(journalled(number, written(number))) == expected
    assume(number_in(number))  # a place in the dialplan is not a number
    assert read(journalled(number)) == expected
    assert read(talked(World(Mode.LOG, PRICED), number).number) == expected


@given(dialled(), st.data())
def test_a_call_is_metered_alike_in_every_spelling(number: str, data: st.DataObject) -> None:
    drawn = []
    for spelled in (number, data.draw(spelled_anew(number))):
        world = World(Mode.OFF, PRICED)
        world.hook("1", number=spelled)
        leg = talked(world)
        assert leg.number == spelled, "kept as it was dialled"
        drawn.append(leg.allowance_s)
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("number", UNUSABLE)
def test_a_number_that_no_carrier_dials_is_refused_where_numbers_have_prices(number: str) -> None:
    verdict = World(Mode.ENFORCE, PRICED).hook("1", number=number)
    assert (verdict.admit, verdict.reason) == (False, Reason.NUMBER_UNUSABLE)


@pytest.mark.parametrize("number", UNUSABLE)
@pytest.mark.parametrize("mode", [Mode.OFF, Mode.LOG])
def test_beyond_enforce_mode_such_a_call_goes_on_and_uses_no_included_minute(
    mode: Mode, number: str
) -> None:
    world = World(mode, PRICED)
    verdict = world.hook("1", number=number)
    assert verdict.admit
    assert verdict.reason == (Reason.OK if mode is Mode.OFF else Reason.NUMBER_UNUSABLE)
    leg = talked(world)
    assert (leg.billed_s, leg.allowance_s) == (60, 0)


@pytest.mark.parametrize("number", UNUSABLE)
def test_a_site_may_admit_it_at_the_dearest_rate(number: str) -> None:
    world = World(Mode.ENFORCE, PRICED)
    world.in_force.policy = Policy(mode=Mode.ENFORCE, refuse_unusable=False)
    assert world.hook("1", number=number).reason == Reason.OK
    assert talked(world).allowance_s == 0


@pytest.mark.parametrize("direction", [Direction.INBOUND, Direction.INTERNAL])
@pytest.mark.parametrize("number", [*UNUSABLE, "*8", "s", "sip:alice@example.org", "80"])
def test_a_call_that_costs_nothing_by_number_may_have_any(
    direction: Direction, number: str
) -> None:
    verdict = World(Mode.ENFORCE, PRICED).hook("1", direction=direction, number=number)
    assert (verdict.admit, verdict.reason) == (True, Reason.OK)


@pytest.mark.parametrize("number", UNUSABLE)
def test_a_plan_without_rates_by_destination_takes_any_number(number: str) -> None:
    world = World(Mode.ENFORCE, PLAIN)
    assert world.hook("1", number=number).reason == Reason.OK
    assert talked(world).allowance_s == 60


@pytest.mark.parametrize("number", ["", "s"])
def test_a_hook_without_a_number_is_judged_as_ever(number: str) -> None:
    world = World(Mode.ENFORCE, PRICED)
    assert world.hook("1", number=number).reason == Reason.OK
    assert talked(world).allowance_s == 60


@pytest.mark.parametrize("exten", ["s", "callback"])
def test_a_leg_without_a_hook_is_not_rated_by_a_place_in_the_dialplan(exten: str) -> None:
    world = World(Mode.OFF, PRICED)
    world.in_force.registry.put_tenant(Tenant("acme", "plan", contexts=("out",)))
    phone = world.seen("1")._replace(exten=exten, context="out")
    leg = world.seen("2", "PJSIP/carrier-2", state=0)
    world.dials(phone, leg)
    world.answers(leg)
    world.hangs_up(leg)
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    assert (ended.tenant, ended.number) == ("acme", "")
    assert journalled(exten) == ""


@pytest.mark.parametrize(
    ("dialled", "asked"),
    [("0(155)901", "0_155_901"), ("+4420", "0044_20"), ("004420", "+4420"), ("94420", "+4420")],
)
def test_the_leg_of_a_forward_is_found_by_the_number_in_any_spelling(
    dialled: str, asked: str
) -> None:
    """Of the two hooks before it, the one with the dialled number, spelled by the subroutine."""
    rows = [
        row("CHAN_START", 0, 0, PHONE, exten=dialled),
        row("PBXBILLING", 1, 0, PHONE, extra=f'{{"extra":"outbound|acme|{asked}"}}'),
        row("CHAN_START", 1, 2, "Local/7@x-0;2", linked=0, exten="7"),
        row("PBXBILLING", 1.5, 2, "Local/7@x-0;2", linked=0, extra='{"extra":"outbound|globex|7"}'),
        row("CHAN_START", 2, 1, TRUNK, linked=0, exten="s"),
        row("ANSWER", 3, 1, TRUNK, linked=0, exten=dialled, application="AppDial"),
        row("HANGUP", 9, 1, TRUNK, linked=0),
    ]
    (leg,) = JournalFold("pbx1", Trunks(("PJSIP/carrier",))).feed(rows, JournalPosition())
    assert (leg.owner.tenants[0], leg.number) == ("acme", asked)


def test_an_emergency_number_is_never_unusable() -> None:
    world = World(Mode.ENFORCE, PRICED)
    for number in ("112", "+112", "1-1-2", "112#"):
        request = HookRequest("1", "PJSIP/phone-1", tenant="acme", number=number, pbx="pbx1")
        assert world.admission.judge(request).reason == Reason.EMERGENCY
