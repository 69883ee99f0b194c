"""Local times without a zone, as FreePBX writes them, are the instants that they were."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.journal.journal import JournalPosition, JournalRow
from pbxbilling.cel.lines import parse_lines
from pbxbilling.cel.local_times import LocalTimes
from pbxbilling.cel.reader import CelJournal
from tests.support.calls.journal_rows import line

BERLIN, NEW_YORK, UTC_ZONE = map(ZoneInfo, ("Europe/Berlin", "America/New_York", "UTC"))
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its summer time is half an hour
ENDS = {  # the instant at which summer time ends, in 2026
    BERLIN: datetime(2026, 10, 25, 1, tzinfo=UTC),
    NEW_YORK: datetime(2026, 11, 1, 6, tzinfo=UTC),
    LORD_HOWE: datetime(2026, 4, 4, 15, tzinfo=UTC),
    UTC_ZONE: datetime(2026, 10, 25, 1, tzinfo=UTC),
}
SHORTER_THAN_A_FOLD_S = (
    1790.0  # a silence as long as the time that is there twice hides which it was
)
FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f")


def written(rows: list[JournalRow], zone: ZoneInfo, form: str) -> bytes:
    """Return rows as Asterisk writes them with that dateformat, in that zone."""
    lines = []
    for each in rows:
        columns = line(each).split(b'","', 2)
        columns[1] = each.at.astimezone(zone).strftime(form).encode()
        lines.append(b'","'.join(columns))
    return b"".join(lines)


def story(at: datetime, steps: list[float]) -> list[JournalRow]:
    """Return rows of channels that begin, answer and end, in the order of their times."""
    rows = []
    for number, step in enumerate(steps):
        at += timedelta(seconds=step)
        channel = f"{int(at.timestamp())}.{number}"
        rows += [JournalRow("CHAN_START", at, channel, channel, "PJSIP/carrier-1")]
        for event in ("ANSWER", "HANGUP"):
            at += timedelta(seconds=step)
            rows.append(JournalRow(event, at, channel, channel, "PJSIP/carrier-1"))
    return rows


@given(
    st.sampled_from(list(ENDS)),
    st.floats(-7200, 3600),
    st.lists(st.floats(0, SHORTER_THAN_A_FOLD_S), min_size=1, max_size=12),
    st.sampled_from(FORMS),
)
def test_each_row_is_read_at_its_instant_around_the_end_of_summer_time(
    zone: ZoneInfo, before: float, steps: list[float], form: str
) -> None:
    rows = story(ENDS[zone] + timedelta(seconds=before), steps)
    lines = parse_lines(written(rows, zone, form), more=False, times=LocalTimes(zone))
    assert lines.skipped == 0
    whole = "%f" not in form
    expected = [row.at.replace(microsecond=0) if whole else row.at for row in rows]
    assert [row.at for row in lines.rows] == expected
    assert {(row.whole_seconds, row.dated) for row in lines.rows} == {(whole, True)}


def test_without_a_channels_beginning_the_order_of_rows_decides() -> None:
    """A leg began at noon; its rows go through the hour that is there twice."""
    born = datetime(2026, 10, 24, 12, tzinfo=UTC)
    ends = ENDS[BERLIN]
    channel = f"{int(born.timestamp())}.1"
    rows = [
        JournalRow("BRIDGE_EXIT", ends + timedelta(minutes=minutes), channel, channel, "PJSIP/x-1")
        for minutes in (-90, -50, -10, 10, 40, 90)
    ]
    lines = parse_lines(written(rows, BERLIN, FORMS[0]), more=False, times=LocalTimes(BERLIN))
    assert [row.at for row in lines.rows] == [row.at for row in rows]


def test_a_reader_goes_on_in_that_hour_where_it_stopped(tmp_path: object) -> None:
    path = tmp_path / "journal.csv"  # type: ignore[operator]
    born = datetime(2026, 10, 24, 12, tzinfo=UTC)
    channel = f"{int(born.timestamp())}.1"
    rows = [
        JournalRow("BRIDGE_EXIT", ENDS[BERLIN] + timedelta(minutes=m), channel, channel, "PJSIP/x")
        for m in (-10, 5, 10)
    ]
    journal, position = CelJournal(path, zone=BERLIN), JournalPosition()
    found = []
    for number in range(1, 4):
        path.write_bytes(written(rows[:number], BERLIN, FORMS[0]))
        batch = journal.read(position)
        assert batch is not None
        position = batch.end
        found += [row.at for row in batch.rows]
    assert found == [row.at for row in rows]


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York"])
def test_without_a_zone_it_is_that_of_the_machine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        rows = story(ENDS[ZoneInfo(name)] - timedelta(hours=1), [600.0] * 6)
        lines = parse_lines(written(rows, ZoneInfo(name), FORMS[0]), more=False, times=LocalTimes())
        assert [row.at for row in lines.rows] == [row.at.replace(microsecond=0) for row in rows]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["2026-13-01 00:00:00", "2026-02-30 00:00:00", "2026-11-21", "21.11.2026 10:00:00", ""]
)
def test_what_is_no_local_time_is_none(text: str) -> None:
    assert LocalTimes(BERLIN).instant(text, "HANGUP", "1.1") is None
