"""What only FreePBX has, on a PBX with its frame: emergency routes, its database, its journal.

As in releases 17 (Asterisk 22) and 16 (Asterisk 16). The cases that every dialplan has are in
test_dialplan_cases.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from signal import SIGKILL

import pytest

from rig import provision
from rig.frames import FREEPBX_16, FREEPBX_17, TRUNK_PREFIX, Frame
from rig.phone import Phone
from rig.scene import MOBILE
from rig.site import Endpoint
from rig.waiting import until
from tests.support.setup.site import LIMITED, SUSPENDED, Site, running
from tests.system.conftest import ABSENT

pytestmark = pytest.mark.asterisk


def _running(frame: Frame, tmp: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        provision.chroot(frame.release)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no Asterisk {frame.release.major}: {reason}")
    with running(frame, tmp.mktemp(frame.name)) as site:
        yield site


@pytest.fixture(scope="module")
def _freepbx_17(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from _running(FREEPBX_17, tmp_path_factory)


@pytest.fixture(scope="module")
def _freepbx_16(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from _running(FREEPBX_16, tmp_path_factory)


@pytest.fixture(params=["_freepbx_17", "_freepbx_16"], ids=["17", "16"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    chosen: Site = request.getfixturevalue(request.param)
    with ExitStack() as stack:
        chosen.begin(stack)
        yield chosen
    chosen.asterisk.hang_up_all()


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


def test_a_forward_of_a_call_that_no_hook_saw_is_not_paid_by_its_caller_id(site: Site) -> None:
    site.sets("CF", "12", f"{MOBILE}@{site.frame.home}/n")
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
    site.originates(
        channel.format(extension=phone.here.extension, name=phone.here.name),
        MOBILE,
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
    site.rules(mode=mode)
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
