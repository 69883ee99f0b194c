"""Faults between the daemon and its PBXes, on live calls.

After each fault: no live call was released, no dead one outlived two snapshots, no tenant was
locked out, and every correction was counted.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from rig import sipp
from rig.asterisk import Asterisk
from rig.proxy import Proxy
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.calls.audit import BEFORE_A_KILL_S, Kill
from tests.support.daemon.daemon import Daemon
from tests.support.daemon.stage import Stage, accounts
from tests.support.daemon.virtual import Apart, virtual_pbx

pytestmark = pytest.mark.asterisk

CROWD = 10_000
CROWDED = '[tenant.crowd]\nplan = "unlimited"\naccountcodes = ["crowd"]\n'
DOUBTFUL_SOON = '[log]\nlevel = "debug"\n[ami]\nstale_s = 0.5\n'


def stage_of_a_pair(asterisk: Asterisk, tmp_path: Path, stack: ExitStack, **how: Any) -> Stage:
    """Return a stage where acme may have two calls."""
    stage = Stage(asterisk, tmp_path, stack, more=DOUBTFUL_SOON, **how)
    stage.daemon.apply(accounts("pair") + CROWDED)
    return stage


def snapshots_until_closed(daemon: Daemon, pbx: str = "pbx1") -> int:
    """Return how many snapshots after the last login it took to close the last dead channel."""
    closed = daemon.corrections(pbx)["closed"]
    corrected = "ledger corrected: closed"
    until(lambda: len(daemon.logged(corrected, pbx=pbx)) == closed, "all is logged")
    told = [line["event"] for line in daemon.logged("", pbx=pbx)]
    last_up = len(told) - told[::-1].index("link up")
    last_closed = len(told) - told[::-1].index(corrected)
    return told[last_up:last_closed].count("reconciled") + 1  # its own is logged after it


def is_reliable_again(daemon: Daemon, pbx: str = "pbx1") -> bool:
    """Return whether that PBX is linked, reconciled and trusted."""
    shown = daemon.pbx(pbx)
    return shown["connected"] and shown["reconciled"] and not shown["stale"]


def test_a_silent_peer_is_detected_and_refuses_no_call(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    proxy = stack.enter_context(Proxy(asterisk.ami))
    stage = stage_of_a_pair(asterisk, tmp_path, stack, ami=proxy.address)
    daemon = stage.daemon
    kept, left = stage.phone.dial(MOBILE), stage.phone.dial(MOBILE)
    until(lambda: len(daemon.legs()) == 2, "both calls are answered")
    proxy.stall()
    left.hang_up()
    until(lambda: daemon.pbx()["stale"], "the silence is found out", 20.0)
    assert len(daemon.calls()) == 2
    third = stage.phone.dial(MOBILE)
    assert stage.last_decision()["reason"] == "unreconciled"

    proxy.resume()
    until(lambda: is_reliable_again(daemon), "the counts are reliable again", 30.0)
    until(lambda: len(daemon.calls()) == 2, "the dead call is closed", 20.0)
    assert snapshots_until_closed(daemon) <= 2
    corrections = daemon.corrections()
    corrections.pop("incomplete", None)  # a snapshot that the silence may have cut short
    assert corrections == {"closed": 2, "adopted": 1}  # the third call's dialled leg
    assert len(daemon.logged("link down", pbx="pbx1")) == 1
    assert stage.refused_with() == 486
    for leg in (kept, third):
        leg.hang_up()
    daemon.wait_idle()


def test_a_killed_asterisk_ends_its_calls_at_the_last_proof_of_life(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    stage = stage_of_a_pair(asterisk, tmp_path, stack)
    daemon = stage.daemon
    for _ in range(2):
        stage.phone.dial(MOBILE)
    until(lambda: len(daemon.legs()) == 2, "both answered legs are on record")
    sent = time.time()
    asterisk.kill()
    kill = Kill(sent, time.time())
    until(lambda: daemon.pbx()["stale"], "the counts are stale")
    assert len(daemon.calls()) == 2  # their fate is unknown so far

    asterisk.start()
    asterisk.set_global("PBXBILLING_HOOK", daemon.hook)
    until(lambda: is_reliable_again(daemon), "the counts are reliable again", 30.0)
    assert daemon.calls() == []
    assert daemon.corrections() == {"restarted": 4}
    assert len(daemon.logged("link down", pbx="pbx1")) == 1
    until(lambda: len(daemon.answered()) == 2, "both legs are closed")
    for leg in daemon.legs():
        assert leg["witness"] == "estimated"
        assert kill.may_have_ended(leg["ended_at"] / 1e6, BEFORE_A_KILL_S)
    stage.phone.dial(MOBILE).hang_up()
    daemon.wait_idle()


def test_a_core_reload_changes_no_count(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    stage = stage_of_a_pair(asterisk, tmp_path, stack)
    daemon = stage.daemon
    kept, left = stage.phone.dial(MOBILE), stage.phone.dial(MOBILE)
    before = daemon.calls()
    asterisk.rx("core reload")
    asterisk.set_global("PBXBILLING_HOOK", daemon.hook)  # the rig's reload forgets globals
    until(lambda: is_reliable_again(daemon), "the counts are reliable")
    assert [call["call"] for call in daemon.calls()] == [call["call"] for call in before]
    assert stage.refused_with() == 486
    left.hang_up()
    until(lambda: len(daemon.calls()) == 1, "the slot is free")
    stage.phone.dial(MOBILE).hang_up()
    kept.hang_up()
    daemon.wait_idle()
    assert daemon.corrections() == {}


def second_pbx(stage: Stage, stack: ExitStack) -> tuple[Apart, Proxy]:
    """Add another PBX to the same daemon, behind a proxy; return it reconciled."""
    other = stack.enter_context(virtual_pbx("pbx2", stage.daemon.hook))
    proxy = stack.enter_context(Proxy(other.ami))
    stage.daemon.take_up("pbx2", proxy.address)
    return other, proxy


def test_a_pbx_that_stays_away_keeps_its_calls_and_the_others_limits_go_on(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    stage = stage_of_a_pair(asterisk, tmp_path, stack)
    daemon = stage.daemon
    other, proxy = second_pbx(stage, stack)
    here = stage.phone.dial(MOBILE)
    other.call("acme")
    until(lambda: len(daemon.legs()) == 2, "both calls are answered")
    assert stage.refused_with() == 486

    proxy.refuse()
    until(lambda: daemon.pbx("pbx2")["stale"], "pbx2 is away for good")
    assert is_reliable_again(daemon)
    other.call("acme")  # its dialplan still asks
    until(lambda: len(daemon.calls()) == 3, "the call of the PBX that is away passes and counts")
    assert stage.last_decision()["reason"] == "unreconciled"
    second = stage.phone.dial(MOBILE)  # unseen calls lock no tenant out here either
    assert stage.last_decision()["reason"] == "unreconciled"  # no admission is recorded
    assert stage.refused_with() == 486
    assert stage.last_decision()["reason"] == "max_calls"
    assert sorted(call["pbx"] for call in daemon.calls()) == ["pbx1"] * 2 + ["pbx2"] * 2

    proxy.resume()
    until(lambda: is_reliable_again(daemon, "pbx2"), "pbx2 is back", 40.0)
    assert len(daemon.calls()) == 4
    assert daemon.corrections("pbx2") == {"adopted": 1}
    assert daemon.corrections() == {}
    assert len(daemon.logged("link down", pbx="pbx2")) == 1
    other.hang_up()
    for leg in (here, second):
        leg.hang_up()
    daemon.wait_idle()


def test_ten_thousand_listed_channels_do_not_block_the_loop(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    stage = stage_of_a_pair(asterisk, tmp_path, stack)
    daemon, pbx, globex = stage.daemon, asterisk.block.pbx, asterisk.block.phone("globex")
    here = stage.phone.dial(MOBILE)
    other, _ = second_pbx(stage, stack)
    other.do(lambda: other.pbx.populate(CROWD, "crowd"))
    with sipp.call(tmp_path, pbx, globex, MOBILE, count=60, per_s=20, hold_s=0.2) as caller:
        caller.await_count("final", 5)
        other.drop()
        until(lambda: daemon.corrections("pbx2") == {"adopted": CROWD}, "all are adopted", 30.0)
        assert caller.finish() == {200: 60}
    assert daemon.metric("pbxbilling_agi_sessions_total", ending="deadline") == 0
    assert daemon.metric("pbxbilling_calls", tenant="crowd") == CROWD
    assert daemon.metric("pbxbilling_calls", tenant="acme") == 1

    other.do(lambda: other.pbx.lose(CROWD // 2))
    other.drop()
    both = {"adopted": CROWD, "closed": CROWD // 2}
    until(lambda: daemon.corrections("pbx2") == both, "the dead half is closed", 30.0)
    assert snapshots_until_closed(daemon, "pbx2") == 2
    assert daemon.metric("pbxbilling_calls", tenant="crowd") == CROWD // 2
    assert daemon.corrections() == {}
    here.hang_up()
