"""Times of a journal that are rounded or in a wrong zone are found, by the Uniqueids."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.journal.births import Believed, Doubt, born_at, complaint_about, shift_of
from pbxbilling.calls.journal.journal import JournalRow
from tests.support.calls.journal_rows import BEGAN, EPOCH_S, row


@pytest.mark.parametrize(
    ("uniqueid", "known"),
    [
        (f"{EPOCH_S}.1", True),
        (f"pbx-1-{EPOCH_S}.12", True),
        ("my-own-id", False),
        ("17.1", False),
        (f"{EPOCH_S}", False),
    ],
)
def test_a_channel_was_born_at_the_seconds_in_its_uniqueid(uniqueid: str, *, known: bool) -> None:
    assert born_at(uniqueid) == (BEGAN if known else None)


@given(st.floats(-50_000, 50_000))
def test_a_beginning_more_than_a_minute_from_them_is_a_complaint(seconds: float) -> None:
    start = row("CHAN_START", seconds, 1)
    complaint = complaint_about([start, row("HANGUP", 99_999, 1)])
    far = abs(seconds) > 60
    assert (shift_of(start) is not None) is far
    assert (complaint is not None and complaint.doubt is Doubt.SHIFTED) is far


def test_whole_seconds_are_one_too_and_each_names_the_fix() -> None:
    rounded = complaint_about([row("CHAN_START", 0, 1, whole_seconds=True)])
    shifted = complaint_about([row("CHAN_START", 3600, 1, dated=True, whole_seconds=True)])
    assert rounded is not None
    assert shifted is not None
    assert (rounded.doubt, shifted.doubt) == (Doubt.WHOLE_SECONDS, Doubt.SHIFTED)
    for complaint in (rounded, shifted):
        assert "dateformat = %s.%6q" in complaint.text
        assert "cel_general_custom.conf" in complaint.text
    assert "+1.00 hours): set cel_timezone" in shifted.text
    assert complaint_about([row("CHAN_START", 0, 1), row("HANGUP", 3, 1)]) is None


def local(event: str, seconds: float, serial: int, shift_h: float = 0) -> JournalRow:
    return row(event, seconds, serial, second=EPOCH_S + int(seconds), dated=True)._replace(
        at=BEGAN + timedelta(seconds=seconds, hours=shift_h)
    )


def test_rows_of_a_wrong_zone_are_not_believed_until_a_channel_begins_in_the_right_one() -> None:
    believed = Believed()
    wrong = [local("ANSWER", 1, 0, -1), local("CHAN_START", 2, 1, -1), local("HANGUP", 3, 1, -1)]
    assert believed.rows(wrong) == ()
    assert believed.rows([local("HANGUP", 9, 2, -1)]) == ()
    right = [local("CHAN_START", 10, 3), local("HANGUP", 12, 3)]
    assert believed.rows([local("HANGUP", 9, 2, -1), *right]) == tuple(right)
    assert believed.rows([local("HANGUP", 13, 0)]) == (local("HANGUP", 13, 0),)


def test_times_since_1970_are_believed_whatever_a_uniqueid_says() -> None:
    odd = [row("CHAN_START", 5000, 1), row("HANGUP", 5001, 1)]
    assert Believed().rows(odd) == tuple(odd)
