"""Bytes ↔ rows of the journal: CSV as cel_custom writes it, with whatever a crash left between.

Every row is one line, unless a quoted column holds a line break. In a quoted column each quote is
doubled, so the beginning of a row cannot be mistaken for something inside of one: after a row
that was cut short the next one is found again.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pbxbilling.calls.journal.journal import JournalRow
from pbxbilling.kernel.text import decode

COLUMNS = 13  # config/asterisk/cel_custom_pbxbilling.conf

_BEGINNING = re.compile(rb'"[^"\x00-\x1f]{1,80}","\d{1,12}(?:\.\d{1,9})?","')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Lines(NamedTuple):
    """What a piece of a journal holds: whole rows, the number of lines that are none, its length.

    `consumed` bytes need not be looked at again; behind them stands a row that is not whole yet.
    """

    rows: tuple[JournalRow, ...]
    skipped: int
    consumed: int


def parse_lines(data: bytes, *, more: bool) -> Lines:
    """Parse bytes that begin with a line; `more` where the file goes on behind them.

    Never raises. Where `more` bytes hold no end of a row at all they are given up.
    """
    parser = _Parser()
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        parser.take(data, at, end)
        at = end + 1
    if more and not parser.consumed:
        return Lines((), 1, len(data))
    return Lines(tuple(parser.rows), parser.skipped, parser.consumed)


class _Parser:
    """Puts lines together to rows."""

    def __init__(self) -> None:
        self.rows: list[JournalRow] = []
        self.skipped = 0
        self.consumed = 0
        self._begun: int | None = None  # where a row began that goes on behind a line break
        self._open = False  # inside a quoted column

    def take(self, data: bytes, at: int, end: int) -> None:
        """The line of `data` from `at` to its line feed at `end`."""
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
        row = parse_row(record)
        if row is not None:
            self.rows.append(row)
        else:
            self._salvage(record)

    def _salvage(self, record: bytes) -> None:
        """Of a line that is no row take what may be one: Asterisk went on behind a cut row."""
        if not record.strip():
            return
        self.skipped += 1
        glued = _BEGINNING.search(record, 1)
        row = parse_row(record[glued.start() :].rstrip(b"\n")) if glued else None
        if row is not None:
            self.rows.append(row)


def parse_row(record: bytes) -> JournalRow | None:
    """One row without its line feed; None where it is none of ours."""
    try:
        columns = next(csv.reader([decode(record.removesuffix(b"\r"))], strict=True))
    except (csv.Error, StopIteration):
        return None
    if len(columns) != COLUMNS:
        return None
    at = _instant(columns[1])
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
        account,
        context,
        exten,
        caller,
        dnid,
        application,
        extra,
    )


def _instant(text: str) -> datetime | None:
    """The instant of `1795222182.361162`; None for anything else."""
    seconds, _, fraction = text.partition(".")
    digits = seconds + fraction
    if not (seconds and digits.isascii() and digits.isdecimal()):
        return None
    try:
        micros = int(fraction.ljust(6, "0")[:6])
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=micros)
    except (OverflowError, ValueError):
        return None
