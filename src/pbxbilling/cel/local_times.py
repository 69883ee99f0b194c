"""Reads the local times that FreePBX has Asterisk write (`dateformat=%F %T`), without their zone.

In the hour that the end of summer time repeats, one local time is two instants. A CHAN_START is
then the one nearer to the seconds in its Uniqueid; any other row the first that lies neither before
its channel's creation nor before the row above it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from pbxbilling.calls.journal.births import born_at

PATTERN = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_DATED = re.compile(PATTERN)
_SLACK = timedelta(seconds=2)  # rows are written in nearly the order of their rounded times


class LocalTimes:
    """The times of a journal in the order of its rows; `zone` None is that of this machine.

    `latest` is the instant of the last row: give it that of the row before the first.
    """

    def __init__(self, zone: tzinfo | None = None, latest: datetime | None = None) -> None:
        self._zone = zone
        self.latest = latest

    def instant(self, text: str, event: str, uniqueid: str) -> datetime | None:
        """Return the instant of a row's local time; None where the text is none."""
        if _DATED.fullmatch(text) is None:
            return None
        whole, _, fraction = text.partition(".")
        try:
            local = datetime.fromisoformat(whole)
            first, second = self._utc(local, 0), self._utc(local, 1)
        except (ValueError, OverflowError, OSError):
            return None
        if first < second and not self._is_first(first, second, event, uniqueid):
            first = second
        return first + timedelta(microseconds=int(fraction.ljust(6, "0")[:6] or 0))

    def _utc(self, local: datetime, fold: int) -> datetime:
        return local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)

    def _is_first(self, first: datetime, second: datetime, event: str, uniqueid: str) -> bool:
        born = born_at(uniqueid)
        if event == "CHAN_START" and born is not None:
            return abs(first - born) <= abs(second - born)
        known = [at for at in (born, self.latest) if at is not None]
        return not known or first >= max(known) - _SLACK
