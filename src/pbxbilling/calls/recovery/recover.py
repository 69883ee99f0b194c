"""Recover what was not seen live from Asterisk's own journal: each trunk leg exactly once.

The rules are those of docs/reference/calls.md: an end seen live wins, and the journal fills in
what is missing. A leg is identified by (PBX, Uniqueid), so reading rows again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from pbxbilling.calls.journal.births import Believed, Complaint, complaint_about
from pbxbilling.calls.journal.fold import Boot, JournalFold
from pbxbilling.calls.journal.journal import (
    Journal,
    JournalBatch,
    JournalError,
    JournalLeg,
    JournalPosition,
    JournalRow,
)
from pbxbilling.calls.live.channel import ChannelKey, Trunks
from pbxbilling.calls.live.pbx_facts import JournalDoubtful, JournalReadable, JournalUnreadable
from pbxbilling.calls.live.records import EndWitness, LegRecord
from pbxbilling.calls.live.signals import UPTIME_STEP_S
from pbxbilling.calls.ports import CallStore
from pbxbilling.calls.recovery.settle import Settler
from pbxbilling.kernel.ports import Clock, EventSink

AMI_LAG_S = 10.0  # how long AMI may lag behind what the journal has already


class DurableQueue(Protocol):
    """The queue before the store, as far as recovery waits for it."""

    async def flush(self) -> None:
        """Wait until everything queued is durable."""
        ...


class JournalSource(NamedTuple):
    """The journal of one PBX, and where an earlier run left it."""

    pbx: str
    journal: Journal
    start: JournalPosition


class Login(NamedTuple):
    """The latest login at a PBX's manager: by our wall clock and by our monotonic clock."""

    at: datetime
    mono: float


class JournalRecovery:
    """Reads on in the journal of one PBX, and settles the legs that it completes.

    `position` is where a later run must begin; `save` is called when it has moved, and only after
    everything before it was settled. A kill in between makes that run read some rows again.
    `fault` says why the journal cannot be used; None: it can. Every leg that ended before
    `known_until` is settled, as far as the journal has it; None before the first complete round.
    """

    def __init__(
        self,
        source: JournalSource,
        settler: Settler,
        store: CallStore,
        writer: DurableQueue,
        clock: Clock,
        emit: EventSink,
        save: Callable[[], None],
    ) -> None:
        self.position = source.start
        self.fault: str | None = None
        self.known_until: datetime | None = None
        self._pbx = source.pbx
        self._journal = source.journal
        self._ledger = settler.ledger
        self._settler = settler
        self._store = store
        self._writer = writer
        self._clock = clock
        self._emit = emit
        self._save = save
        self._fold = JournalFold(source.pbx, Trunks(()))
        self._read_to = source.start
        self._needed = source.start  # where to begin for all not settled before this round
        self._ended: dict[ChannelKey, JournalLeg] = {}  # to be settled
        self._put_off: dict[ChannelKey, JournalLeg] = {}  # to be settled in the next round
        self._reported_before = clock.now()
        self._login_mono = clock.monotonic()
        self._unopened = False
        self._believed = Believed()
        self._complaint: Complaint | None = None

    async def catch_up(self, login: Login, *, booted_at: datetime | None = None) -> None:
        """Read to the end of the journal, and settle.

        AMI no longer reports what happened before its last `login`; later events are left to it
        for some seconds. `booted_at`: when Asterisk was started, if that may have been since the
        last round. Raises StoreError where the database cannot serve; the next round then settles
        what this one could not.
        """
        began = self._clock.now()
        recent = began - timedelta(seconds=AMI_LAG_S)
        self._reported_before = max(login.at, recent)
        self._login_mono = login.mono
        self._fold.trunks = self._ledger.trunks.get(self._pbx, self._fold.trunks)
        if booted_at is not None:
            self._fold.boot = Boot(booted_at - timedelta(seconds=UPTIME_STEP_S), booted_at)
        self._ended.update(self._put_off)
        self._put_off = {}
        await self._settle(once_more=False)
        try:
            async for batch in self._journal.batches(self._read_to):
                await self._take(batch)
        except JournalError as error:
            self._note_fault(str(error), unopened=True)
        else:
            if self._unopened:
                self._clear_fault()
            self._sort(self._fold.settle_boot())
            await self._settle()
            self._complete_live()
            self.known_until = min([began, *self._ends_put_off()])
        self._end_round()

    async def _take(self, batch: JournalBatch) -> None:
        rows = self._believed.rows(batch.rows)
        self._judge(batch)
        torn = batch.gap or batch.skipped > 0 or len(rows) < len(batch.rows)
        legs = self._fold.feed(rows, batch.start, torn=torn)
        self._read_to = batch.end
        self._sort(legs)
        await self._settle()
        self._close_others()
        if not self._put_off:
            self._needed = self._fold.needed_from(batch.end)
            self._move(self._needed)

    def _sort(self, legs: list[JournalLeg]) -> None:
        """Queue legs to settle; those that AMI may still report wait a round: it knows better."""
        for leg in legs:
            known = self._ended.pop(leg.key, None) or self._put_off.pop(leg.key, leg)
            if known.witness is EndWitness.ESTIMATED and leg.witness is EndWitness.JOURNAL:
                known = replace(known, ended_at=leg.ended_at, witness=leg.witness, gone_by=None)
            ended_at = known.ended_at
            waits = ended_at is not None and self._end_may_be_reported(leg.key, ended_at)
            (self._put_off if waits else self._ended)[leg.key] = known

    def _may_be_reported(self, at: datetime) -> bool:
        return self._reported_before < at <= self._clock.now()

    def _end_may_be_reported(self, key: ChannelKey, at: datetime) -> bool:
        """Return whether AMI may still report this end.

        It reports that of every channel that lived after the login, whatever the PBX's clock says.
        """
        channel = self._ledger.channels.get(key)
        if channel is not None and max(channel.known_mono, channel.proven_mono) > self._login_mono:
            return True
        return self._may_be_reported(at)

    async def _settle(self, *, once_more: bool = True) -> None:
        """Settle what ended; with `once_more` a leg with a record still on its way waits a round.

        AMI may have reported the end between the query of the store and the look at the ledger.
        """
        if not self._ended:
            return
        await self._writer.flush()
        known = await self._store.legs(list(self._ended))
        ended, self._ended = self._ended, {}
        for key, leg in ended.items():
            record = known.get(key)
            if self._waits(leg, record, once_more=once_more):
                self._put_off[key] = leg
            else:
                self._settler.settle(leg, record)

    def _waits(self, leg: JournalLeg, record: LegRecord | None, *, once_more: bool) -> bool:
        """Return whether to wait: its record is on its way, or it is estimated but still live."""
        if leg.witness is EndWitness.ESTIMATED and leg.key in self._ledger.channels:
            return True
        unrecorded = record is None or record.ended_at is None
        return once_more and unrecorded and self._ledger.is_gone(leg.key)

    def _close_others(self) -> None:
        """Close internal channels with an end that AMI no longer reports.

        Otherwise they would hold a slot until a second snapshot.
        """
        for key, ended_at in self._fold.others_ended.items():
            if not self._end_may_be_reported(key, ended_at):
                self._settler.close_other(key, ended_at)
        self._fold.others_ended.clear()

    def _complete_live(self) -> None:
        for key in list(self._fold.answered):
            if self._settler.lacks_nothing(key):
                self._fold.answered.discard(key)
                continue
            leg = self._fold.open_leg(key)
            if leg is not None and leg.answered_at and not self._may_be_reported(leg.answered_at):
                self._settler.complete(leg)

    def _ends_put_off(self) -> Iterator[datetime]:
        for leg in self._put_off.values():
            if leg.ended_at is not None:
                yield leg.ended_at

    def _end_round(self) -> None:
        needed = self._fold.needed_from(self._read_to)
        self._move(self._needed if self._put_off or self._ended else needed)
        self._needed = needed

    def _move(self, position: JournalPosition) -> None:
        if position != self.position:
            self.position = position
            self._save()

    # --- faults of the journal -----------------------------------------------------------------

    def _judge(self, batch: JournalBatch) -> None:
        self._judge_times(batch.rows)
        if self._believed.shifted and self._complaint is not None:
            self._note_fault(f"not believed: {self._complaint.text}")
        elif batch.gap:
            self._note_fault(
                "the file read last does not exist any more: rows may be missing before now"
            )
        elif batch.skipped and not batch.rows:
            self._note_fault(
                f"{batch.skipped} lines, none with the expected columns: use those of"
                " config/asterisk/cel_custom_pbxbilling.conf, and dateformat %s.%6q"
            )
        else:
            self._clear_fault()

    def _judge_times(self, rows: Sequence[JournalRow]) -> None:
        """Emit what is wrong with the times, once until the beginning of a channel shows other."""
        known, found = self._complaint, complaint_about(rows)
        if known is not None and not any(row.event == "CHAN_START" for row in rows):
            return
        self._complaint = found
        if found is not None and (known is None or known.doubt is not found.doubt):
            at, path = self._clock.now(), self._journal.path
            self._emit(JournalDoubtful(at, self._pbx, path, found.doubt, found.text))

    def _note_fault(self, fault: str, *, unopened: bool = False) -> None:
        """Emit each fault once until it is gone; an `unopened` one goes once reading works."""
        self._unopened = unopened
        if fault != self.fault:
            self.fault = fault
            at = self._clock.now()
            self._emit(JournalUnreadable(at, self._pbx, self._journal.path, fault))

    def _clear_fault(self) -> None:
        self._unopened = False
        if self.fault is not None:
            self.fault = None
            self._emit(JournalReadable(self._clock.now(), self._pbx, self._journal.path))
