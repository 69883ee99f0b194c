"""README's FreePBX block, and the files of docs/guides/dialplans.md, on a PBX with FreePBX' frame.

As in releases 17 (Asterisk 22) and 16 (Asterisk 16): rig/freepbx.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from signal import SIGKILL
from typing import Any

import pytest

from rig import freepbx, provision
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.freepbx import TRUNK_PREFIX
from rig.leg import Leg
from rig.phone import Phone
from rig.scene import MOBILE, Scene
from rig.site import Endpoint, claimed_block
from rig.waiting import until
from tests.support.calls.audit import AGREEMENT_S, JournalSince, ledger_legs
from tests.support.daemon.daemon import Daemon
from tests.support.docs.pages import blocks, files
from tests.system.conftest import ABSENT

pytestmark = pytest.mark.asterisk

ACCOUNTS = """
[plan.unlimited]
[plan.none]
max_calls = 0
[tenant.acme]
plan = "unlimited"
mode = "{mode}"
accountcodes = ["acme"]
dids = ["+15550111", "+15550112"]
[tenant.globex]
plan = "unlimited"
status = "suspended"
accountcodes = ["globex"]
[tenant.initech]
plan = "none"
accountcodes = ["initech"]
dids = ["+15550131"]
"""
"""Only acme's endpoints have an account code; the others' are in Asterisk's database."""

SUSPENDED, LIMITED = "globex", "initech"

FORWARDED = "12"
"""acme's second phone forwards to a mobile."""

ADMISSIONS_TOO = "[decisions]\nadmissions = true\n"


def custom_files(release: provision.Release) -> dict[str, str]:
    """Return a site's own files as README and docs/guides/dialplans.md instruct."""
    (text,) = blocks("README.md", "FreePBX")
    if release == provision.ASTERISK_16:  # FreePBX 16: "the last line is"
        last = "same => n,Return()\n"
        assert text.endswith(last)
        text = text.removesuffix(last) + "same => n,MacroExit()\n"
    return {"extensions_custom.conf": text, **files("docs/guides/dialplans.md", "FreePBX")}


class Site:
    """A FreePBX-like PBX with a daemon, and the record since the test began."""

    def __init__(self, asterisk: Asterisk, daemon: Daemon, ami: Ami) -> None:
        self.asterisk = asterisk
        self.daemon = daemon
        self.ami = ami

    def begin(self, stack: ExitStack) -> None:
        """Restore the state of the start; peers that a test adds leave with `stack`."""
        self.stack = stack
        self.daemon.wait_idle()
        self.asterisk.restore()
        self.asterisk.set_global("PBXBILLING_HOOK", self.daemon.hook)
        self.daemon.apply(ACCOUNTS.format(mode="enforce"))
        self.scene = Scene(self.asterisk, self.ami, stack)
        self.trunks = [self.scene.carrier(which) for which in (1, 2)]
        self.journal = JournalSince(self.asterisk.journal)
        self._decided = len(self._all_decisions())
        self._legs = len(self.daemon.legs())

    def call(self, tenant: str, number: str = MOBILE) -> Leg:
        """Call from a tenant's first phone; return when it is answered or over."""
        leg = self.scene.phone(tenant).call(number)
        leg.phone.await_change(lambda: leg.state in {"up", "ended"}, f"{leg} is answered", 10)
        return leg

    def invited(self) -> list[str]:
        """Return the numbers that trunks were asked for, the first trunk's first."""
        return [leg.number for trunk in self.trunks for leg in trunk.incoming]

    def decisions(self) -> list[dict[str, Any]]:
        """Return the decisions, oldest first."""
        self.daemon.wait_on_record()
        return self._all_decisions()[self._decided :]

    def _all_decisions(self) -> list[dict[str, Any]]:
        found = self.daemon.get("/decisions")
        return list(reversed(found))

    def billed(self) -> list[tuple[str | None, str, str]]:
        """Return tenant, direction and number of each answered trunk leg, once all are over.

        Their seconds equal those of Asterisk's own journal.
        """
        self.asterisk.wait_idle()
        self.daemon.wait_idle()
        legs = [leg for leg in self.daemon.legs()[self._legs :] if leg["answered_at"] is not None]
        ours, theirs = ledger_legs(legs), self.journal.legs()
        assert ours.keys() == theirs.keys()
        for leg, at in ours.items():
            assert at.answered_at == pytest.approx(theirs[leg].answered_at, abs=AGREEMENT_S)
            assert at.ended_at == pytest.approx(theirs[leg].ended_at, abs=AGREEMENT_S)
        return [(leg["tenant"], leg["direction"], leg["number"]) for leg in legs]


def _running(release: provision.Release, tmp: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        provision.chroot(release)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk {release.major}: {reason}")
    with ExitStack() as stack:
        pbx = stack.enter_context(claimed_block())
        folder = tmp.mktemp(f"freepbx{release.major}")
        what = freepbx.settings(release, pbx, custom_files(release))
        asterisk = stack.enter_context(Asterisk(release, folder / "asterisk", pbx, what))
        for phone in pbx.phones():
            freepbx.fill_database(asterisk, phone, phone.tenant)
        asterisk.rx(f"database put CF {FORWARDED} {MOBILE}")
        daemon = stack.enter_context(Daemon(asterisk, folder, more=ADMISSIONS_TOO, journal=True))
        yield Site(asterisk, daemon, stack.enter_context(Ami(asterisk.ami)))


@pytest.fixture(scope="module")
def _freepbx_17(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from _running(provision.ASTERISK_22, tmp_path_factory)


@pytest.fixture(scope="module")
def _freepbx_16(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from _running(provision.ASTERISK_16, tmp_path_factory)


@pytest.fixture(params=["_freepbx_17", "_freepbx_16"], ids=["17", "16"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    chosen: Site = request.getfixturevalue(request.param)
    with ExitStack() as stack:
        chosen.begin(stack)
        yield chosen
    chosen.asterisk.hang_up_all()


def test_an_admitted_call_is_answered_and_billed_to_the_second(site: Site) -> None:
    leg = site.call("acme")
    assert leg.status == 200
    site.scene.talk()
    leg.hang_up()
    assert site.invited() == [TRUNK_PREFIX + MOBILE]
    assert site.billed() == [("acme", "outbound", MOBILE)]


@pytest.mark.parametrize(
    ("tenant", "reason"), [(SUSPENDED, "suspended"), (LIMITED, "max_calls")], ids=lambda v: v
)
def test_a_refused_call_gets_486_unanswered_and_no_trunk_is_tried(
    site: Site, tenant: str, reason: str
) -> None:
    assert site.call(tenant).status == 486
    (decision,) = site.decisions()
    assert (decision["tenant"], decision["reason"]) == (tenant, reason)
    assert decision["number"] == MOBILE
    assert site.invited() == []
    assert site.billed() == []


PLACES = """
[refused]
exten => hangs-up,1,Hangup(21)
exten => returns,1,Return()
exten => runs-off,1,NoOp()
exten => leaves,1,MacroExit()
"""


@pytest.mark.parametrize(
    ("place", "status"),
    [("hangs-up", 403), ("returns", 486), ("runs-off", 603), ("leaves", 603), ("nothing", 486)],
)
def test_a_refused_call_goes_to_its_place_and_to_no_trunk(
    site: Site, place: str, status: int
) -> None:
    site.asterisk.add_dialplan(f"{site.asterisk.settings.site}\n{PLACES}")
    site.asterisk.set_global("PBXBILLING_REFUSED", f"refused,{place},1")
    assert site.call(SUSPENDED).status == status
    assert site.invited() == []
    assert site.billed() == []


def test_a_failover_to_the_next_trunk_is_one_call_and_one_billed_leg(site: Site) -> None:
    site.trunks[0].refuses = "503 Service Unavailable"
    leg = site.call("acme")
    assert leg.status == 200
    (call,) = site.daemon.calls()
    assert call["tenant"] == "acme"
    leg.hang_up()
    assert site.invited() == [TRUNK_PREFIX + MOBILE, MOBILE]
    assert site.billed() == [("acme", "outbound", MOBILE)]


def test_a_number_that_is_busy_is_not_tried_on_the_next_trunk(site: Site) -> None:
    site.trunks[0].refuses = "486 Busy Here"
    assert site.call("acme").status == 486
    assert site.invited() == [TRUNK_PREFIX + MOBILE]
    assert site.billed() == []


EMERGENCIES = pytest.mark.parametrize(
    ("number", "carried"),
    [("911", "9911"), ("115", "90115")],
    ids=["behind the trunk's prefix", "by its route alone"],
)
"""The trunk's own rules rewrite 115, which is in no list of emergency numbers."""


@EMERGENCIES
@pytest.mark.parametrize("tenant", [SUSPENDED, LIMITED])
def test_an_emergency_call_is_admitted_whatever_the_tenant_may(
    site: Site, tenant: str, number: str, carried: str
) -> None:
    leg = site.call(tenant, number)
    assert leg.status == 200
    (call,) = site.daemon.calls()
    assert call["emergency"]
    leg.hang_up()
    assert site.invited() == [carried]
    (decision,) = site.decisions()
    assert (decision["tenant"], decision["reason"]) == (tenant, "emergency")


@EMERGENCIES
def test_an_emergency_call_takes_the_next_trunk_when_the_first_is_down(
    site: Site, number: str, carried: str
) -> None:
    site.trunks[0].refuses = "503 Service Unavailable"
    assert site.call(LIMITED, number).status == 200
    assert site.invited() == [carried, number]


@EMERGENCIES
def test_an_emergency_call_goes_on_when_the_daemon_is_away_and_all_else_is_closed(
    site: Site, number: str, carried: str
) -> None:
    site.asterisk.set_global("PBXBILLING_HOOK", ABSENT)
    site.asterisk.set_global("PBXBILLING_FALLBACK", "closed")
    assert site.call("acme").status == 486
    assert site.call(LIMITED, number).status == 200
    assert site.invited() == [carried]


def test_an_inbound_call_is_refused_to_the_carrier_or_rings(site: Site) -> None:
    phones = {tenant: site.scene.phone(tenant) for tenant in ("acme", LIMITED)}
    assert site.trunks[0].call("+15550131").wait("ended").status == 486
    assert not phones[LIMITED].incoming
    leg = site.trunks[0].call("+15550111")
    phones["acme"].wait_incoming().answer()
    leg.wait("up").hang_up()
    assert site.billed() == [("acme", "inbound", "+15550111")]


def test_a_forward_to_a_mobile_is_one_call_with_two_billed_legs(site: Site) -> None:
    leg = site.trunks[1].dial("+15550112")
    site.scene.wait_up("PJSIP/carrier")
    site.scene.talk()
    (call,) = site.daemon.calls()
    assert call["tenant"] == "acme"
    leg.hang_up()
    assert site.billed() == [("acme", "inbound", "+15550112"), ("acme", "outbound", MOBILE)]


def test_a_forward_of_a_call_that_no_hook_saw_is_not_paid_by_its_caller_id(site: Site) -> None:
    untouched = site.asterisk.block.carrier(3)
    extension = site.asterisk.block.phone(LIMITED).extension
    stranger = Phone(Endpoint(extension, untouched.address), site.asterisk.block.pbx)
    site.stack.enter_context(stranger).dial("+15550112")
    (decision,) = site.decisions()
    assert decision["tenant"] != LIMITED
    assert site.invited() == [TRUNK_PREFIX + MOBILE]


@pytest.mark.parametrize(
    ("channel", "named_by"),
    [
        ("Local/{extension}@from-internal", "CallerID"),
        ("Local/{extension}@from-internal", "Account"),
        ("PJSIP/{name}", "Account"),
    ],
    ids=["a Local channel by its caller ID", "a Local channel by Account", "a phone by Account"],
)
@pytest.mark.parametrize("tenant", ["acme", SUSPENDED])
def test_click_to_call_is_the_users_call(
    site: Site, tenant: str, channel: str, named_by: str
) -> None:
    phone = site.scene.phone(tenant, answers=True)
    site.ami.action(
        "Originate",
        Channel=channel.format(extension=phone.here.extension, name=phone.here.name),
        Context="from-internal",
        Exten=MOBILE,
        Priority="1",
        Async="true",
        CallerID=phone.here.extension if named_by == "CallerID" else "",
        Account=tenant if named_by == "Account" else "",
    )
    leg = phone.wait_incoming()
    if tenant == SUSPENDED:
        leg.wait("ended")
    else:
        site.trunks[0].wait_incoming().wait("up")
        leg.hang_up()
    (decision,) = site.decisions()
    assert decision["tenant"] == tenant
    assert site.invited() == ([] if tenant == SUSPENDED else [TRUNK_PREFIX + MOBILE])


@pytest.mark.parametrize("mode", ["off", "log", "enforce"])
def test_an_admitted_call_goes_through_in_every_mode(site: Site, mode: str) -> None:
    site.daemon.apply(ACCOUNTS.format(mode=mode))
    assert site.call("acme").status == 200


def test_the_journal_that_freepbx_lets_a_site_have_settles_what_the_daemon_missed(
    site: Site,
) -> None:
    leg = site.call("acme")
    site.scene.talk()
    site.daemon.stop(SIGKILL)
    leg.hang_up()
    site.asterisk.wait_idle()
    site.daemon.start()
    until(lambda: not site.daemon.calls(), "the call is settled")
    assert site.billed() == [("acme", "outbound", MOBILE)]


def test_the_block_leaves_no_error_in_asterisks_log(site: Site) -> None:
    start = site.asterisk.log.stat().st_size
    site.call("acme").hang_up()
    assert site.call(SUSPENDED).status == 486
    site.asterisk.wait_idle()
    lines = site.asterisk.log.read_text(errors="replace")[start:].splitlines()
    told = [line for line in lines if "WARNING" in line or "ERROR" in line]
    assert [line for line in told if "app_macro.c" not in line] == []  # 16: Macro is deprecated
