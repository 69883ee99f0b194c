"""When a channel was created, by the seconds in its Uniqueid, and whether a row agrees.

Asterisk writes a Uniqueid as `[systemname-]seconds.number`, whatever form the dates of its journal
have: local times, which do not say their zone, are checked by it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pbxbilling.calls.journal.journal import JournalRow

MOST_APART = timedelta(minutes=1)
HOW_TO_FIX = (
    "write dateformat = %s.%6q (FreePBX: in cel_general_custom.conf), then `module reload cel`"
)
_BORN = re.compile(r"(?:^|-)(\d{9,11})\.\d+$")


def born_at(uniqueid: str) -> datetime | None:
    """Return when the channel was created, in whole seconds; None for an id of another form."""
    found = _BORN.search(uniqueid)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def shift_of(row: JournalRow) -> timedelta | None:
    """Return by how much the time of a CHAN_START is wrong; None where it is right, or unknown."""
    born = born_at(row.uniqueid) if row.event == "CHAN_START" else None
    if born is None or abs(row.at - born) <= MOST_APART:
        return None
    return row.at - born


class Doubt(StrEnum):
    """Why the times of a journal are not what they should be."""

    SHIFTED = "shifted"
    WHOLE_SECONDS = "whole_seconds"


class Complaint(NamedTuple):
    """What is wrong with the times of rows, and its fix."""

    doubt: Doubt
    text: str


def complaint_about(rows: Sequence[JournalRow]) -> Complaint | None:
    """Return what is wrong with the times of rows; None: nothing."""
    shifts = [(row, shift) for row in rows if (shift := shift_of(row)) is not None]
    if shifts:
        last, shift = shifts[-1]
        zone = "set cel_timezone to the zone of the PBX, or " if last.dated else ""
        return Complaint(
            Doubt.SHIFTED,
            "channels began more than a minute from the seconds in their Uniqueid (the last by"
            f" {shift / timedelta(hours=1):+.2f} hours): {zone}{HOW_TO_FIX}",
        )
    if any(row.whole_seconds for row in rows):
        return Complaint(
            Doubt.WHOLE_SECONDS,
            "times in whole seconds: what the journal alone has seen is up to a second too long or"
            f" too short; {HOW_TO_FIX}",
        )
    return None


class Believed:
    """Leaves out rows of local times in a wrong zone, until a CHAN_START is right again.

    A HANGUP that is an hour early would end legs before their answer.
    """

    def __init__(self) -> None:
        self.shifted: bool | None = None  # None: no channel has shown it yet

    def rows(self, rows: Sequence[JournalRow]) -> tuple[JournalRow, ...]:
        """Return the rows to believe, in order; other than local times are all believed."""
        if not any(row.dated for row in rows):
            return tuple(rows)
        if self.shifted is None:
            shown = (_is_shifted(row) for row in rows)
            self.shifted = next((one for one in shown if one is not None), None)
        return tuple(filter(self._believe, rows))

    def _believe(self, row: JournalRow) -> bool:
        shifted = _is_shifted(row)
        if shifted is not None:
            self.shifted = shifted
        return not (row.dated and self.shifted)


def _is_shifted(row: JournalRow) -> bool | None:
    """Return whether a local time is in a wrong zone; None where the row does not show it."""
    if not row.dated or row.event != "CHAN_START" or born_at(row.uniqueid) is None:
        return None
    return shift_of(row) is not None
