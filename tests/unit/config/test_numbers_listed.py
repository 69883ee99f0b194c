"""One telephone number is one number, whoever lists it and whoever reports it."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.apply import AccountsError, plan_changes
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.agi.sessions.protocol import LINES, Environment
from pbxbilling.ami.messages.grammar import BLOCK
from pbxbilling.ami.messages.mapping import signal_of
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.journal.fold import JournalFold
from pbxbilling.calls.journal.journal import JournalPosition
from pbxbilling.calls.live.channel import Trunks
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.signals import Newchannel
from pbxbilling.catalog.destinations import DestinationRate, DestinationRates
from pbxbilling.catalog.plan import Plan
from pbxbilling.cel.lines import parse_lines
from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.tenants_csv import read_tenants
from pbxbilling.kernel.codes import Direction, Mode
from pbxbilling.kernel.numbers import found_by
from pbxbilling.runtime.csv_cells import guarded, joined
from tests.support.calls.journal_rows import TRUNK, line, row
from tests.support.calls.world import World
from tests.support.kernel.clock import START
from tests.support.kernel.spellings import listed, reported

# From the country code on: none begins with 0, and no number of North America with 10 or 11.
DIGITS = st.from_regex(r"(1[2-9]|[2-9][0-9])[0-9]{6,12}", fullmatch=True)
PLAN = Plan("plan")
# What spreadsheets leave of a number, and what else is none.
SPOILED = (
    "4.93012E+11", "4,93012E+11", "4.93012e+11", "4E+11", "-4.9E+11", "4930123456.0",
    "4930123456,00", "-123426", "####", "#######", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!",
)  # fmt: skip
NO_NUMBERS = (
    "sales", "s", "-", "+", "1800FLOWERS", "+4930123456x12", "*97", "+4930123456+4930123457",
    "+4930123456 004930123457", "4930123456²", "??", "tel:", "=1+1",
)  # fmt: skip


def in_csv(*numbers: str, tenant: str = "acme") -> str:
    text = StringIO(newline="")
    csv.writer(text).writerows([("tenant", "dids"), (tenant, guarded(joined(numbers)))])
    return text.getvalue()


def in_toml(*numbers: str, tenant: str = "acme") -> str:
    quoted = ", ".join(json.dumps(number) for number in numbers)
    return f"[tenant.{tenant}]\ndids = [{quoted}]\n"


@given(DIGITS, st.data())
def test_a_did_finds_its_tenant_in_every_spelling_of_every_source(
    digits: str, data: st.DataObject
) -> None:
    spelled, told = data.draw(listed(digits)), data.draw(reported(digits))
    for file in (
        read_tenants(in_csv(spelled), "t.csv"),
        read_accounts(in_toml(spelled), "accounts.toml"),
    ):
        assert [file.tenants[0].dids] == [(spelled,)], "kept as it was written"
        assert by_hook(told, *file.tenants) == "acme"
        assert by_ami(told, *file.tenants) == "acme"
        assert by_journal(told, *file.tenants) == "acme"


def world_of(*tenants: Tenant) -> World:
    world = World(Mode.ENFORCE, PLAN)
    for tenant in tenants:
        world.in_force.registry.put_tenant(Tenant(tenant.slug, "plan", dids=tenant.dids))
    return world


def by_hook(did: str, *tenants: Tenant) -> str:
    """Return the tenant of a hook that came through the subroutine and over the wire."""
    written = re.sub(r'[\t\n\r"$(),:\[\\\]{|}]', "_", did)
    arguments = ("", "1", written, "pbx1", "from-outside")
    lines = [(name, "inbound" if name == "network_script" else "x") for name in LINES]
    lines += [(f"arg_{n}", value) for n, value in enumerate(arguments, 1)]
    environment = Environment()
    assert environment.feed("".join(f"agi_{n}: {v}\n" for n, v in [*lines]).encode() + b"\n")
    request = environment.request()
    assert request.direction is Direction.INBOUND
    return world_of(*tenants).admission.judge(request).tenant


def by_ami(did: str, *tenants: Tenant) -> str | None:
    """Return the tenant of a leg without a hook, by the text of an AMI event."""
    world = world_of(*tenants)
    headers = dict.fromkeys(BLOCK, "") | {"Channel": "PJSIP/carrier-1", "ChannelState": "4"}
    headers |= {"Uniqueid": "1", "Linkedid": "1", "Exten": did}
    block = "Event: Newchannel\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    born = signal_of("pbx1", b"Newchannel", block.encode())
    assert isinstance(born, Newchannel)
    world.tracker.apply(born)
    leg = born.channel
    world.answers(leg)
    world.hangs_up(leg)
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    return ended.tenant


def by_journal(did: str, *tenants: Tenant) -> str | None:
    rows = [
        row("CHAN_START", 0, 1, TRUNK, exten=did),
        row("ANSWER", 1, 1, TRUNK, exten=did),
        row("HANGUP", 2, 1, TRUNK, exten=did),
    ]
    lines = parse_lines(b"".join(map(line, rows)), more=False)
    (leg,) = JournalFold("pbx1", Trunks(("PJSIP/carrier",))).feed(lines.rows, JournalPosition())
    return world_of(*tenants).in_force.registry.owner(did=leg.owner.did)


@pytest.mark.parametrize("number", ["", "s"])
def test_a_trunk_that_calls_s_may_send_the_number_apart(number: str) -> None:
    acme = Tenant("acme", "plan", dids=("+4930123456",))
    request = HookRequest(
        "1", "PJSIP/carrier-1", Direction.INBOUND, number=number, dnid="004930123456", pbx="pbx1"
    )
    assert world_of(acme).admission.judge(request).tenant == "acme"
    start = row("CHAN_START", 0, 1, TRUNK, exten="s", dnid="004930123456")
    rows = [start, row("ANSWER", 1, 1, TRUNK), row("HANGUP", 2, 1, TRUNK)]
    (leg,) = JournalFold("pbx1", Trunks(("PJSIP/carrier",))).feed(rows, JournalPosition())
    assert world_of(acme).in_force.registry.owner(did=leg.owner.did) == "acme"


@given(DIGITS, st.data())
def test_no_number_is_listed_twice(digits: str, data: st.DataObject) -> None:
    one, other = data.draw(listed(digits)), data.draw(listed(digits))
    known = Tenant("globex", "plan", dids=(one,))
    for text, read in ((in_csv, read_tenants), (in_toml, read_accounts)):
        with pytest.raises(AccountsError) as told:
            plan_changes(Registry([PLAN], [known]), read(text(other), "f"), START, Policy())
        claimed = "is claimed by tenant globex and by tenant acme"
        assert any(claimed in each for each in told.value.problems)
        with pytest.raises(AccountsError) as told:
            plan_changes(Registry([PLAN]), read(text(one, other), "f"), START, Policy())
        assert any("are one number: remove one of them" in each for each in told.value.problems)


@given(DIGITS, DIGITS, st.data())
def test_two_numbers_are_two(one: str, other: str, data: st.DataObject) -> None:
    same = found_by(data.draw(listed(one))) == found_by(data.draw(listed(other)))
    assert same == (one == other)


@pytest.mark.parametrize("cell", [*SPOILED, *NO_NUMBERS])
def test_a_cell_that_is_no_number_is_refused_with_line_and_column(cell: str) -> None:
    with pytest.raises(ConfigError) as in_a_table:
        read_tenants(f'tenant,name,dids\nb,B,\nacme,A,"{cell}"\n', "tenants.csv")
    with pytest.raises(ConfigError) as in_a_file:
        read_accounts(in_toml("+15550100", cell), "accounts.toml")
    expected = f'expected a number, as "+4930123456", got "{cell}"'
    if cell in SPOILED:
        expected += ": tell the spreadsheet that the column is text"
    assert str(in_a_table.value) == f"tenants.csv:3: dids: {expected}"
    assert str(in_a_file.value) == f"accounts.toml:2: tenant.acme.dids[1]: {expected}"


def test_a_number_without_quotes_is_told_of_them() -> None:
    with pytest.raises(ConfigError, match=r"accounts.toml:2: .*expected a string in quotes"):
        read_accounts("[tenant.acme]\ndids = [+4930123456]\n", "accounts.toml")


@given(
    st.from_regex(r"(44|1|49)[1-9][0-9]{8,10}", fullmatch=True),
    st.sampled_from(["+", "00", "+00", "0000", "011", "0011", "010"]),
)
def test_a_destination_is_rated_alike_behind_every_international_prefix(
    digits: str, prefix: str
) -> None:
    rates = [DestinationRate("44", 3), DestinationRate("1", 2), DestinationRate("0049", 4)]
    table = DestinationRates(rates)
    found = table.rate(prefix + digits, START.date())
    assert found is not None
    assert found == table.rate(f"+{digits}", START.date())
    assert digits.startswith(found.prefix.removeprefix("00"))
