"""Parse journal rows: CSV as cel_custom writes it, with whatever a crash left between rows.

Every row is one line, unless a quoted column holds a line break. In a quoted column each quote is
doubled, so nothing inside a column looks like the beginning of a row: after a row that was cut
short the next one is found again.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pbxbilling.calls.journal.journal import JournalRow
from pbxbilling.cel.local_times import PATTERN, LocalTimes
from pbxbilling.kernel.text import decode, printable

COLUMNS = 13  # config/asterisk/cel_custom_pbxbilling.conf

_BEGINNING = re.compile(
    rb'"[^"\x00-\x1f]{1,80}","(?:\d{1,12}(?:\.\d{1,9})?|%s)","' % PATTERN.encode()
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Lines(NamedTuple):
    """A parsed piece of a journal: whole rows, the number of lines that are no row, bytes consumed.

    The `consumed` bytes need not be parsed again; after them comes a row that is not whole yet.
    """

    rows: tuple[JournalRow, ...]
    skipped: int
    consumed: int


def parse_lines(data: bytes, *, more: bool, times: LocalTimes | None = None) -> Lines:
    """Parse bytes that begin with a line; `more` if the file continues after them.

    Never raises. With `more`, bytes without any end of a row are skipped as one line. `times` reads
    local times; without it they are no rows.
    """
    parser = _Parser(times)
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        parser.take(data, at, end)
        at = end + 1
    if more and not parser.consumed:
        return Lines((), 1, len(data))
    return Lines(tuple(parser.rows), parser.skipped, parser.consumed)


class _Parser:
    """Assembles lines into rows."""

    def __init__(self, times: LocalTimes | None) -> None:
        self.rows: list[JournalRow] = []
        self._times = times
        self.skipped = 0
        self.consumed = 0
        self._begun: int | None = None  # the start of a row that continues after a line break
        self._open = False  # inside a quoted column

    def take(self, data: bytes, at: int, end: int) -> None:
        """Take the line of `data` from `at` to its line feed at `end`."""
        begins = _BEGINNING.match(data, at, end) is not None
        if begins and self._begun is not None:
            self._salvage(data[self._begun : at])
            self._begun = None
            self.consumed = at
        if self._begun is None:
            self._begun, self._open = at, False
        self._open ^= bool(data.count(b'"', at, end) & 1)
        if self._open and (begins or self._begun != at):
            return
        record = data[self._begun : end]
        self._begun = None
        self.consumed = end + 1
        row = parse_row(record, self._times)
        if row is not None:
            self._add(row)
        else:
            self._salvage(record)

    def _add(self, row: JournalRow) -> None:
        self.rows.append(row)
        if self._times is not None:
            self._times.latest = row.at

    def _salvage(self, record: bytes) -> None:
        """Find the row in a line that is none: Asterisk continued right after a cut row."""
        if not record.strip():
            return
        self.skipped += 1
        glued = _BEGINNING.search(record, 1)
        row = parse_row(record[glued.start() :].rstrip(b"\n"), self._times) if glued else None
        if row is not None:
            self._add(row)


def parse_row(record: bytes, times: LocalTimes | None = None) -> JournalRow | None:
    """Parse one row without its line feed; None where it is not one of ours."""
    try:
        columns = next(csv.reader([decode(record.removesuffix(b"\r"))], strict=True))
    except (csv.Error, StopIteration):
        return None
    if len(columns) != COLUMNS:
        return None
    at = _instant(columns[1])
    dated = at is None
    if at is None and times is not None:
        at = times.instant(columns[1], columns[0], columns[2])
    if at is None or not (columns[0] and columns[2]):
        return None
    event, _, uniqueid, linkedid, channel, account, context, exten, caller, dnid, *rest = columns
    _, application, extra = rest
    return JournalRow(
        event,
        at,
        uniqueid,
        linkedid or uniqueid,
        channel,
        printable(account),
        printable(context),
        printable(exten),
        printable(caller),
        printable(dnid),
        application,
        extra,
        whole_seconds="." not in columns[1],
        dated=dated,
    )


def _instant(text: str) -> datetime | None:
    """Parse an instant such as `1795222182.361162`; None for anything else."""
    seconds, _, fraction = text.partition(".")
    digits = seconds + fraction
    if not (seconds and digits.isascii() and digits.isdecimal()):
        return None
    try:
        micros = int(fraction.ljust(6, "0")[:6])
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=micros)
    except (OverflowError, ValueError):
        return None
