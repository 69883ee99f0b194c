"""SIGHUP on live calls: PBXes added and removed, and a configuration that changes under load."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest

from rig import sipp
from rig.asterisk import Asterisk
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.calls.audit import JournalSince, differences, ledger_legs
from tests.support.daemon.daemon import ACCOUNTS, Daemon
from tests.support.daemon.stage import Stage, accounts
from tests.support.daemon.virtual import virtual_pbx

pytestmark = pytest.mark.asterisk


def test_a_reload_takes_up_another_pbx_and_lets_it_go(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        daemon.apply(accounts("pair"))
        here = stage.phone.dial(MOBILE)
        other = stack.enter_context(virtual_pbx("pbx2", daemon.hook))

        daemon.take_up("pbx2", other.ami)
        other.call("acme")
        until(lambda: len(daemon.legs()) == 2, "both calls are answered")
        assert sorted(call["pbx"] for call in daemon.calls()) == ["pbx1", "pbx2"]
        assert stage.refused_with() == 486  # one limit for both PBXes

        del daemon.others["pbx2"]
        daemon.write_config()
        daemon.reload()
        assert [call["pbx"] for call in daemon.calls()] == ["pbx1"]
        assert daemon.pbx("pbx2") == {}
        corrections = "pbxbilling_reconcile_corrections_total"
        assert daemon.metric(corrections, pbx="pbx2", kind="let_go") == 2  # both its channels
        until(lambda: len(daemon.answered()) == 1, "its leg is on record")
        (leg,) = [leg for leg in daemon.legs() if leg["pbx"] == "pbx2"]
        assert leg["witness"] == "estimated"

        stage.phone.dial(MOBILE).hang_up()  # the slot is free
        here.hang_up()
        daemon.wait_idle()
        ups = [line["pbx"] for line in daemon.logged("link up")]
        assert sorted(ups) == ["pbx1", "pbx2"]  # no other link was affected


def test_calls_of_a_pbx_that_a_new_file_names_no_more_end_at_the_start(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        daemon.apply(accounts("unlimited"))
        other = stack.enter_context(virtual_pbx("pbx2", daemon.hook))
        daemon.take_up("pbx2", other.ami)
        other.call("acme")
        until(daemon.legs, "its call is answered")
        daemon.stop()
        daemon.others.clear()
        daemon.write_config()
        daemon.start()
        assert daemon.calls() == []
        until(daemon.answered, "its leg is closed")


def test_reloads_under_load_drop_no_call_and_no_count(asterisk: Asterisk, tmp_path: Path) -> None:
    journal = JournalSince(asterisk.journal)
    pbx, block = asterisk.block.pbx, asterisk.block
    calls, reloads = 80, 24
    with ExitStack() as stack:
        daemon = stack.enter_context(Daemon(asterisk, tmp_path))
        daemon.apply(ACCOUNTS)
        stack.enter_context(sipp.answer(tmp_path / "carrier", block.carrier()))
        caller = stack.enter_context(
            sipp.call(
                *(tmp_path / "caller", pbx, block.phone("acme"), MOBILE),
                count=calls,
                per_s=10,
                hold_s=1.0,
            )
        )
        for number, mode in zip(range(reloads), cycle(("log", "nonsense", "enforce", "off"))):
            caller.await_count("final", number * calls // reloads)
            daemon.write_config(mode)
            daemon.reload()
        assert caller.finish() == {200: calls}
        daemon.wait_idle()
        until(lambda: len(daemon.answered()) == calls, "every leg is on record")
        assert differences(ledger_legs(daemon.legs()), journal.legs()) == []
        served = "pbxbilling_config_reloads_total"
        assert daemon.metric(served, result="error") == reloads / 4
        assert daemon.metric(served, result="ok") == reloads * 3 / 4
        assert daemon.corrections() == {}
        (usage,) = daemon.get("/usage", tenant="acme")
        assert usage["outbound_calls"] == calls
