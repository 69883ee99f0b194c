"""Which failed checks are no fault of a set-up: those that wait for the daemon, or for a call."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pbxbilling.cli.site.setup import _is_later
from pbxbilling.doctor.check import Result, fail
from pbxbilling.doctor.examine import examine
from pbxbilling.doctor.journal import unreadable
from pbxbilling.doctor.manager import PbxReport
from pbxbilling.runtime.clock import SystemClock
from rig.site import free_port


def test_where_no_daemon_ever_ran_nothing_fails_but_what_waits_for_it(tmp_path: Path) -> None:
    """Its unit makes the folder of the database, so not even that is there."""
    config = tmp_path / "pbxbilling.toml"
    config.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/state/pbxbilling.db"\n'
        f'[agi]\nlisten = "127.0.0.1:{free_port()}"\n'
    )
    checks = asyncio.run(examine(config, {}, SystemClock()))
    failed = [check for check in checks if check.result is Result.FAIL]
    assert {(check.subject, check.name) for check in failed} == {
        ("hook", "round trip"),
        ("database", "schema"),
    }
    assert all(_is_later(check) for check in failed)


def test_the_journal_waits_for_the_first_call() -> None:
    absent = unreadable("pbx1", Path("none.csv"), FileNotFoundError(), PbxReport())
    assert (absent.result, _is_later(absent)) == (Result.FAIL, True)


def test_what_a_set_up_must_have_mended_does_not_wait() -> None:
    for subject, name in (("pbx1", "login"), ("pbx1", "schema"), ("database", "open")):
        assert not _is_later(fail(subject, name, "found", "fix")), (subject, name)
