"""The recorded journals with the dates of FreePBX: the same legs, as exact as the form allows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pbxbilling.calls.journal.births import complaint_about
from pbxbilling.calls.journal.fold import JournalFold
from pbxbilling.calls.journal.journal import JournalLeg, JournalPosition
from pbxbilling.calls.live.channel import Trunks
from pbxbilling.cel.lines import parse_lines
from pbxbilling.cel.local_times import LocalTimes
from tests.support.ami.traces import TRACES

NAMES = sorted(str(path.relative_to(TRACES).with_suffix("")) for path in TRACES.rglob("*.csv"))
BERLIN = ZoneInfo("Europe/Berlin")
SUMMER_ENDS = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())
EPOCH = re.compile(rb"\b1[67]\d{8}(?=\.\d)")
STAMP = re.compile(rb'^("[^"]*",")(\d{10})\.(\d{6})"', re.MULTILINE)


def moved(recorded: bytes, begins: int) -> bytes:
    """Return the journal as if its first channel had been created at `begins`."""
    first = EPOCH.search(recorded)
    assert first is not None
    later = begins - int(first[0])
    return EPOCH.sub(lambda found: str(int(found[0]) + later).encode(), recorded)


def dated(recorded: bytes, *, fractions: bool) -> bytes:
    """Return the journal as Asterisk writes it with `dateformat=%F %T` (`.%6q`) in Berlin."""

    def local(found: re.Match[bytes]) -> bytes:
        at = datetime.fromtimestamp(int(found[2]), BERLIN).strftime("%Y-%m-%d %H:%M:%S").encode()
        return found[1] + at + (b"." + found[3] if fractions else b"") + b'"'

    return STAMP.sub(local, recorded)


def legs(recorded: bytes) -> list[JournalLeg]:
    lines = parse_lines(recorded, more=False, times=LocalTimes(BERLIN))
    fold = JournalFold("pbx1", Trunks(("PJSIP/carrier*",)))
    assert complaint_about([row._replace(whole_seconds=False) for row in lines.rows]) is None
    return fold.feed(lines.rows, JournalPosition())


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize("ahead_s", [3600, 3601, 1, 0, -3599])
@pytest.mark.parametrize("name", NAMES)
def test_the_legs_are_the_same_before_in_and_after_the_hour_that_is_there_twice(
    name: str, ahead_s: int, *, fractions: bool
) -> None:
    recorded = moved((TRACES / f"{name}.csv").read_bytes(), SUMMER_ENDS - ahead_s)
    exact, found = legs(recorded), legs(dated(recorded, fractions=fractions))
    assert [leg.key for leg in found] == [leg.key for leg in exact]
    most = timedelta(seconds=0 if fractions else 1)
    for leg, true in zip(found, exact, strict=True):
        for at, expected in (
            (leg.started_at, true.started_at),
            (leg.answered_at, true.answered_at),
            (leg.ended_at, true.ended_at),
        ):
            assert (at is None) == (expected is None)
            if at is not None and expected is not None:
                assert timedelta() <= expected - at <= most
        assert (leg.direction, leg.number, leg.owner) == (true.direction, true.number, true.owner)
        assert leg.whole_seconds is not fractions
