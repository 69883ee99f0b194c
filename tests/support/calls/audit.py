"""Compares the daemon's ledger with Asterisk's own journal, leg by leg.

It parses the journal itself and shares no code with the daemon, so that each checks the other.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from sqlite3 import Row
from typing import Any, NamedTuple

from rig.waiting import patience_s, slowness

# Instants of AMI and of the journal are of one Asterisk, but of two of its threads: while others
# have the cores, they part.
AGREEMENT_S = patience_s(0.1)
# An estimated end may precede the kill that it stands for by this much: so long may nothing be
# heard of a quiet Asterisk.
BEFORE_A_KILL_S = 5.0 * slowness()
TRUNK = "PJSIP/carrier"

_EVENT, _TIME, _UNIQUEID, _LINKEDID, _CHANNEL, _ACCOUNTCODE, _CONTEXT = range(7)


class TrunkLeg(NamedTuple):
    """An answered trunk leg; instants in seconds since 1970, `ended_at` None while it lives."""

    tenant: str | None
    answered_at: float
    ended_at: float | None


class Kill(NamedTuple):
    """The kill of an Asterisk: when the signal was sent, and when its process was gone."""

    sent: float
    gone: float

    def may_have_ended(self, at: float, before_s: float) -> bool:
        """Return whether an end at that time, or up to `before_s` earlier, may be due to it."""
        return self.sent - before_s <= at <= self.gone


class JournalSince:
    """The rows written to a journal from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size if path.exists() else 0

    def legs(self) -> dict[str, TrunkLeg]:
        """Return the answered trunk legs, by Uniqueid."""
        rows = self._rows()
        owners = _owners(rows)
        ended = {row[_UNIQUEID]: float(row[_TIME]) for row in rows if row[_EVENT] == "HANGUP"}
        return {
            row[_UNIQUEID]: TrunkLeg(
                owners.get(row[_LINKEDID]), float(row[_TIME]), ended.get(row[_UNIQUEID])
            )
            for row in rows
            if row[_EVENT] == "ANSWER" and row[_CHANNEL].startswith(TRUNK)
        }

    def _rows(self) -> list[list[str]]:
        with self._path.open("rb") as journal:
            journal.seek(self._start)
            text = journal.read().decode(errors="replace")
        return list(csv.reader(text.splitlines(keepends=True)))


def _owners(rows: Iterable[list[str]]) -> dict[str, str]:
    """Return linkedid → payer, as in the rig's dialplan: argument, account code or context."""
    owners: dict[str, str] = {}
    contexts: dict[str, str] = {}
    for row in rows:
        if row[_EVENT] == "CHAN_START":
            contexts.setdefault(row[_LINKEDID], row[_CONTEXT])
        elif row[_EVENT] == "PBXBILLING":
            linkedid = row[_LINKEDID]
            _, named, _ = json.loads(row[-1])["extra"].split("|")
            by_context = contexts.get(linkedid, "").removeprefix("from-")
            owners.setdefault(linkedid, named or row[_ACCOUNTCODE] or by_context)
    return owners


def ledger_legs(rows: Iterable[Row | dict[str, Any]]) -> dict[str, TrunkLeg]:
    """Return the answered trunk legs on record (`Daemon.legs`), by Uniqueid."""
    return {
        row["uniqueid"]: TrunkLeg(
            row["tenant"],
            row["answered_at"] / 1e6,
            row["ended_at"] / 1e6 if row["ended_at"] is not None else None,
        )
        for row in rows
        if row["answered_at"] is not None
    }


def differences(
    ledger: Mapping[str, TrunkLeg],
    journal: Mapping[str, TrunkLeg],
    killed: Iterable[Kill] = (),
) -> list[str]:
    """Describe each leg on which the two differ; return nothing where they agree.

    A leg without an end in the journal was taken down by an Asterisk that was killed: its end
    lies at most `BEFORE_A_KILL_S` before one of those moments. An answer in the last
    `AGREEMENT_S` may have reached only one of the two.
    """
    kills = tuple(killed)
    found = [
        f"{leg}: not in the {lacks}: {has[leg]}"
        for lacks, has, other in (("ledger", journal, ledger), ("journal", ledger, journal))
        for leg in has.keys() - other.keys()
        if not any(kill.may_have_ended(has[leg].answered_at, AGREEMENT_S) for kill in kills)
    ]
    for leg in journal.keys() & ledger.keys():
        ours, theirs = ledger[leg], journal[leg]
        same = (
            ours.tenant == theirs.tenant
            and abs(ours.answered_at - theirs.answered_at) <= AGREEMENT_S
            and _same_end(ours.ended_at, theirs.ended_at, kills)
        )
        if not same:
            found.append(f"{leg}: ledger {ours}, journal {theirs}")
    return sorted(found)


def _same_end(ours: float | None, theirs: float | None, kills: tuple[Kill, ...]) -> bool:
    if ours is None:
        return theirs is None and not kills
    if theirs is None:
        return any(kill.may_have_ended(ours, BEFORE_A_KILL_S) for kill in kills)
    return abs(ours - theirs) <= AGREEMENT_S
