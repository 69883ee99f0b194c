"""Checks that Asterisk's journal exists, is readable, has our columns, and is being written."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from pbxbilling.ami.messages.protocol import fields_of
from pbxbilling.calls.journal.births import HOW_TO_FIX, Complaint, Doubt, born_at, complaint_about
from pbxbilling.cel.lines import parse_lines
from pbxbilling.cel.local_times import LocalTimes
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.doctor.manager import PbxReport

TAIL_BYTES = 1 << 16
SETTLE_S = 5.0  # the row of a younger channel may not be written yet

_NAME = "journal"
_HOW_TO_FIX = (
    "include cel_pbxbilling.conf and cel_custom_pbxbilling.conf of config/asterisk, and load"
    " cel_custom"
)


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a journal: time of its newest row, numbers of rows and of foreign lines, faults of
    its times.
    """

    newest: datetime | None
    rows: int
    foreign: int
    complaint: Complaint | None = None


def read_tail(path: Path, zone: tzinfo | None = None) -> Tail:
    """Read the last rows. Raises OSError where that is not possible."""
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - TAIL_BYTES))
        data = file.read(TAIL_BYTES)
    if size > TAIL_BYTES:
        data = data[data.find(b"\n") + 1 :]
    lines = parse_lines(data, more=False, times=LocalTimes(zone))
    newest = max((row.at for row in lines.rows), default=None)
    return Tail(newest, len(lines.rows), lines.skipped, complaint_about(lines.rows))


def no_journal(pbx: str) -> Check:
    """Report a PBX without `cel_csv`."""
    found = "no cel_csv: calls during an outage of the daemon are not billed"
    return warn(pbx, _NAME, found, f"{_HOW_TO_FIX}; name the file in cel_csv")


def unreadable(pbx: str, path: Path, fault: OSError, report: PbxReport) -> Check:
    """Report an unreadable journal; a PBX that has had no call does not have one yet."""
    if isinstance(fault, FileNotFoundError):
        if path.parent.is_dir() and report.processed == "0" and not report.channels:
            return warn(pbx, _NAME, f"{path} does not exist yet: no call so far", "place a call")
        folder = "" if path.parent.is_dir() else f"create {path.parent} for Asterisk; "
        fix = f"{folder}{_HOW_TO_FIX}; then place a call"
        return fail(pbx, _NAME, f"{path} does not exist", fix)
    fix = "give the daemon's user read access (group asterisk), or name the right file in cel_csv"
    return fail(pbx, _NAME, f"{path}: {fault.strerror or fault}", fix)


def judge_tail(pbx: str, path: Path, tail: Tail, report: PbxReport, now: datetime) -> Check:
    """Check that the rows have our format, and that the live channels have their rows.

    Each channel writes CHAN_START as it is created, so the newest row cannot be older than the
    youngest channel. Without channels, the journal of a quiet PBX may be old.
    """
    if tail.foreign and not tail.rows:
        return fail(pbx, _NAME, f"{path} has rows in another format", f"{_HOW_TO_FIX}, unchanged")
    if tail.complaint is not None and tail.complaint.doubt is Doubt.SHIFTED:
        return fail(pbx, _NAME, f"{path}: {tail.complaint.text}", HOW_TO_FIX)
    if tail.newest is None:
        born = youngest(report, now)
        if born is None:
            return warn(pbx, _NAME, f"{path} has no row yet", f"place a call; else {_HOW_TO_FIX}")
        return fail(
            pbx,
            _NAME,
            f"{path} has no row, but a channel is up since {born:%H:%M:%S}Z",
            _HOW_TO_FIX,
        )
    found = f"{path}, newest row {tail.newest:%Y-%m-%d %H:%M:%S}Z"
    born = youngest(report, now)
    if born is not None and tail.newest < born - timedelta(seconds=1):
        found = f"{found}, but a channel is up since {born:%Y-%m-%d %H:%M:%S}Z: no rows are added"
        return fail(pbx, _NAME, found, f"{_HOW_TO_FIX}; check whether the disk is full")
    if tail.complaint is not None:
        return warn(pbx, _NAME, f"{found}, but {tail.complaint.text}", HOW_TO_FIX)
    if tail.foreign:
        fix = f"{_HOW_TO_FIX}, unchanged; lines cut off by a crash need no fix"
        return warn(pbx, _NAME, f"{found}, and {tail.foreign} lines in another format", fix)
    return ok(pbx, _NAME, found)


def youngest(report: PbxReport, now: datetime) -> datetime | None:
    """Return when the youngest live channel was created, by the PBX's clock; None without one.

    Channels younger than `SETTLE_S` are skipped, as their row may not be written yet.
    """
    settled = now + timedelta(seconds=(report.ahead_s or 0.0) - SETTLE_S)
    births = (born_at(fields_of(row).get("Uniqueid", "")) for row in report.channels or ())
    return max((born for born in births if born is not None and born <= settled), default=None)
