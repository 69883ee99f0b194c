"""Rows and lines of a journal, in the format of cel_custom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pbxbilling.calls.journal.journal import JournalRow

EPOCH_S = 1_795_230_000
BEGAN = datetime.fromtimestamp(EPOCH_S, UTC)
PHONE, TRUNK = "PJSIP/acme1-00000000", "PJSIP/carrier-00000001"


def at(seconds: float) -> datetime:
    """Return the time so many seconds after the start of every story here."""
    return BEGAN + timedelta(seconds=seconds)


def row(
    event: str,
    seconds: float,
    serial: int,
    channel: str = TRUNK,
    *,
    linked: int | None = None,
    second: int = EPOCH_S,
    **columns: Any,
) -> JournalRow:
    """Return a row of the channel `second.serial`, under the linkedid of serial `linked`."""
    uniqueid = f"{second}.{serial}"
    linkedid = uniqueid if linked is None else f"{second}.{linked}"
    return JournalRow(event, at(seconds), uniqueid, linkedid, channel, **columns)


def hook(seconds: float, serial: int, says: str, **more: Any) -> JournalRow:
    """Return the subroutine's own row on that channel: `direction|tenant|number`."""
    extra = f'{{"extra":"{says}"}}'
    return row("PBXBILLING", seconds, serial, extra=extra, **more)


def line(told: JournalRow) -> bytes:
    """Return a row in the form Asterisk writes."""
    since = told.at - datetime.fromtimestamp(0, UTC)
    micros = since // timedelta(microseconds=1)
    stamp = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
    columns = (
        told.event,
        stamp,
        *told[2:10],
        "",  # BRIDGEPEER
        told.application,
        told.extra,
    )
    return ",".join('"' + c.replace('"', '""') + '"' for c in columns).encode() + b"\n"


def outbound(ends: float | None = 70.5, answers: float | None = 10) -> list[JournalRow]:
    """Return the rows of a phone without an account code that calls out for globex."""
    rows = [
        row("CHAN_START", 0, 0, PHONE, exten="3201", caller="21"),
        hook(1, 0, "outbound|globex|3201", channel=PHONE, caller="21"),
        row("CHAN_START", 2, 1, TRUNK, linked=0, exten="s"),
    ]
    if answers is not None:
        rows.append(row("ANSWER", answers, 1, TRUNK, linked=0, exten="3201", application="AppDial"))
    if ends is not None:
        rows.append(row("HANGUP", ends, 1, TRUNK, linked=0))
        rows.append(row("HANGUP", ends, 0, PHONE))
    return rows
