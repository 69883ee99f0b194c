"""The daemon in front of live calls: modes, limits, reload, kill, wedge, cut link."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from signal import SIGCONT, SIGHUP, SIGKILL, SIGSTOP

import pytest

from rig.asterisk import Asterisk
from rig.proxy import Proxy
from rig.scene import MOBILE
from rig.waiting import patience_s, until
from tests.support.calls.audit import JournalSince, differences, ledger_legs
from tests.support.daemon.stage import Stage, accounts

pytestmark = pytest.mark.asterisk


def test_enforce_refuses_with_486_and_says_why(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        stage.daemon.apply(accounts("none"))
        assert stage.refused_with() == 486
        decision = stage.last_decision()
        assert (decision["outcome"], decision["reason"]) == ("refuse", "max_calls")
        assert (decision["used"], decision["limit"]) == (0, 0)
        until(lambda: stage.daemon.logged("[PLAN-LIMIT:enforce] blocked"), "the refusal is logged")


def test_log_mode_writes_what_it_would_block_and_blocks_nothing(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, mode="log")
        stage.daemon.apply(accounts("none"))
        leg = stage.phone.dial(MOBILE)
        (call,) = stage.daemon.calls()
        assert call["over_limit"]
        leg.hang_up()
        stage.daemon.wait_idle()
        assert stage.daemon.logged("[PLAN-LIMIT:log] would block")
        assert [one[:2] for one in stage.daemon.answered()] == [("acme", "outbound")]


def test_a_suspended_tenant_reaches_emergency_numbers_alone(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, more="[refusal]\nsuspended = 21\n")
        stage.daemon.apply(accounts("unlimited"))
        stage.daemon.put("/tenants/acme/suspension")
        assert stage.refused_with() == 403
        leg = stage.phone.dial("112")
        (call,) = stage.daemon.calls()
        assert call["emergency"]
        leg.hang_up()
        stage.daemon.delete("/tenants/acme/suspension")
        stage.phone.dial(MOBILE).hang_up()


def test_a_reload_takes_effect_and_a_bad_file_changes_nothing(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, mode="off")
        daemon = stage.daemon
        daemon.apply(accounts("none"))
        leg = stage.phone.dial(MOBILE)
        daemon.write_config("enforce")
        daemon.signal(SIGHUP)
        until(lambda: daemon.get("/status")["mode"] == "enforce", "the new mode is in force")
        assert len(daemon.calls()) == 1
        leg.hang_up()
        daemon.write_config("nonsense")
        daemon.signal(SIGHUP)
        until(lambda: daemon.get("/status")["config_error"], "status tells of the bad file")
        assert "mode" in daemon.get("/status")["config_error"]
        assert stage.refused_with() == 486


def test_a_live_call_and_its_seconds_survive_kill_9(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        daemon.apply(accounts("pair"))
        leg = stage.phone.dial(MOBILE)
        (before,) = daemon.calls()
        until(daemon.legs, "the answered leg is on record")
        daemon.stop(SIGKILL)
        stage.scene.talk()
        daemon.start()
        (after,) = daemon.calls()
        assert after["call"] == before["call"]
        assert after["answered_at"] == before["answered_at"]
        assert len(after["legs"]) == len(before["legs"])
        leg.hang_up()
        daemon.wait_idle()
        ((tenant, direction, seconds),) = daemon.answered()
        assert (tenant, direction) == ("acme", "outbound")
        assert seconds > 1.0  # includes the talk while the daemon was down


def test_calls_that_nobody_saw_are_recovered_from_the_journal(
    each_asterisk: Asterisk, tmp_path: Path
) -> None:
    each_asterisk.journal.unlink(missing_ok=True)
    journal = JournalSince(each_asterisk.journal)
    with ExitStack() as stack:
        stage = Stage(each_asterisk, tmp_path, stack, journal=True)
        daemon = stage.daemon
        daemon.apply(accounts("unlimited"))
        ends_unseen = stage.phone.dial(MOBILE)
        until(daemon.legs, "the answered leg is on record")
        daemon.stop(SIGKILL)
        stage.scene.talk()
        ends_unseen.hang_up()
        lives_unseen = stage.scene.phone("globex").dial(MOBILE)  # known by the hook's argument
        stage.scene.talk()
        lives_unseen.hang_up()
        each_asterisk.wait_idle()
        daemon.start()
        until(lambda: len(daemon.answered()) == 2, "both legs are settled", 30.0)
        assert differences(ledger_legs(daemon.legs()), journal.legs()) == []
        assert {leg[1] for leg in daemon.answered()} == {"outbound"}
        assert [leg[0] for leg in daemon.answered()] == ["acme", "globex"]
        assert daemon.calls() == []  # the phone's own leg is closed by the journal too
        daemon.stop()
        daemon.start()
        assert len(daemon.answered()) == 2


def test_a_spent_allowance_refuses(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        stage.daemon.apply(accounts("minute"))
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "allowance"


def test_live_legs_are_cut_when_together_they_have_used_up_the_allowance(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        daemon.apply(accounts("second"))
        daemon.spend("acme", 56)
        first, second = stage.phone.dial(MOBILE), stage.phone.dial(MOBILE)
        for leg in (first, second):
            leg.wait("ended", 15.0)
            assert not leg.by_us
        daemon.wait_idle()
        legs = [seconds for _, _, seconds in daemon.answered() if seconds < 50]
        assert 3.5 < sum(legs) < 4.0 + patience_s(0.2)
        assert stage.refused_with() == 486


def test_a_cut_link_releases_no_slot_and_refuses_no_call(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(asterisk.ami))
        stage = Stage(asterisk, tmp_path, stack, more="[ami]\nstale_s = 0.5\n", ami=proxy.address)
        daemon = stage.daemon
        daemon.apply(accounts("pair"))
        kept, left = stage.phone.dial(MOBILE), stage.phone.dial(MOBILE)
        proxy.refuse()
        proxy.cut()
        until(lambda: daemon.get("/status")["pbxes"][0]["stale"], "the counts are stale")
        left.hang_up()
        assert len(daemon.calls()) == 2
        third = stage.phone.dial(MOBILE)
        assert stage.last_decision()["reason"] == "unreconciled"
        proxy.resume()
        until(lambda: daemon.get("/status")["ready"], "the counts are reliable again", 30.0)
        until(lambda: len(daemon.calls()) == 2, "the call that ended unseen is closed", 20.0)
        for leg in (kept, third):
            leg.hang_up()
        daemon.wait_idle()


def test_a_wedged_daemon_holds_no_caller_for_long(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        stage.daemon.apply(accounts("unlimited"))
        stage.daemon.signal(SIGSTOP)
        leg = stage.phone.dial(MOBILE)  # admitted by the fallback, after PBXBILLING_HOOK_SECONDS
        leg.hang_up()
        stage.daemon.signal(SIGCONT)
        stage.daemon.wait_idle()


def test_release_frees_a_slot_and_says_what_it_was(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        daemon.apply(accounts("unlimited"))
        leg = stage.phone.dial(MOBILE)
        (call,) = daemon.calls()
        released = daemon.delete(f"/calls/{call['call']}/slot")
        assert released["tenant"] == "acme"
        assert daemon.calls() == []
        leg.hang_up()
        until(daemon.answered, "the leg is on record all the same")
        assert [one[:2] for one in daemon.answered()] == [("acme", "outbound")]
