"""A journal passes if its rows are ours and every live channel but a newborn has one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.journal import (
    SETTLE_S,
    TAIL_BYTES,
    Tail,
    judge_tail,
    no_journal,
    read_tail,
    unreadable,
    youngest,
)
from pbxbilling.doctor.manager import PbxReport

BORN_S = 1_795_230_000
BORN = datetime.fromtimestamp(BORN_S, UTC)
LATER = BORN + timedelta(minutes=1)
LIVE = PbxReport(channels=(f"Event: CoreShowChannel\r\nUniqueid: {BORN_S}.7",), ahead_s=0.0)
QUIET = PbxReport(channels=(), processed="0")
PATH = Path("/var/log/asterisk/cel-custom/pbxbilling.csv")
UNIQUEID = f"{BORN_S}.7"
_FILLED = ("CHAN_START", f"{BORN_S}.000001", UNIQUEID, UNIQUEID, "PJSIP/a-1")
LINE = ",".join(f'"{column}"' for column in _FILLED + ("",) * 8) + "\n"


def judged(tail: Tail, report: PbxReport = LIVE) -> Check:
    return judge_tail("pbx1", PATH, tail, report, LATER)


def test_the_newest_row_is_found_at_the_end_of_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    path.write_text(LINE * (2 * TAIL_BYTES // len(LINE)))
    tail = read_tail(path)
    assert tail.newest is not None
    assert tail.newest.replace(microsecond=0) == BORN
    assert tail.foreign == 0
    assert 0 < tail.rows <= TAIL_BYTES // len(LINE)


def test_lines_of_another_form_are_counted_and_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    path.write_text("2026-11-21,answer\n" * 3)
    assert read_tail(path) == Tail(None, 0, 3)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_tail(tmp_path)


def test_a_journal_with_the_row_of_the_youngest_channel_is_well() -> None:
    assert judged(Tail(BORN, 10, 0)).result is Result.OK


def test_a_journal_older_than_a_live_channel_does_not_grow() -> None:
    check = judged(Tail(BORN - timedelta(seconds=2), 10, 0))
    assert (check.result, "no rows are added" in check.found) == (Result.FAIL, True)


def test_an_old_journal_is_well_where_nobody_calls() -> None:
    assert judged(Tail(BORN - timedelta(days=9), 10, 0), QUIET).result is Result.OK


def test_a_journal_without_a_row_fails_only_where_a_channel_lives() -> None:
    assert judged(Tail(None, 0, 0)).result is Result.FAIL
    assert judged(Tail(None, 0, 0), QUIET).result is Result.WARN


def test_rows_of_another_form_fail_and_a_few_among_ours_warn() -> None:
    assert judged(Tail(None, 0, 3)).result is Result.FAIL
    assert judged(Tail(BORN, 10, 1)).result is Result.WARN


def test_a_newborn_channel_may_have_its_row_on_the_way() -> None:
    assert youngest(LIVE, BORN + timedelta(seconds=SETTLE_S - 1)) is None
    assert youngest(LIVE, BORN + timedelta(seconds=SETTLE_S)) == BORN


def test_newborn_is_meant_by_the_clock_of_the_pbx() -> None:
    ahead = PbxReport(channels=LIVE.channels, ahead_s=SETTLE_S)
    assert youngest(ahead, BORN) == BORN


def test_a_systemname_in_front_of_the_uniqueid_is_passed_over() -> None:
    report = PbxReport(channels=(f"Event: CoreShowChannel\r\nUniqueid: east-{BORN_S}.7",))
    assert youngest(report, LATER) == BORN


def test_a_file_that_is_not_there_fails_once_there_were_calls(tmp_path: Path) -> None:
    gone = FileNotFoundError()
    assert unreadable("pbx1", tmp_path / "cel.csv", gone, QUIET).result is Result.WARN
    assert unreadable("pbx1", tmp_path / "cel.csv", gone, LIVE).result is Result.FAIL
    nowhere = unreadable("pbx1", tmp_path / "none" / "cel.csv", gone, QUIET)
    assert (nowhere.result, "create" in nowhere.mend) == (Result.FAIL, True)


def test_an_unreadable_file_names_the_user_who_must_read_it() -> None:
    check = unreadable("pbx1", PATH, PermissionError(13, "Permission denied"), QUIET)
    assert (check.result, "group asterisk" in check.mend) == (Result.FAIL, True)


def test_a_pbx_without_a_journal_is_a_warning() -> None:
    assert no_journal("pbx1").result is Result.WARN
