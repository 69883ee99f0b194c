"""Holds records waiting to be written; of a call or leg, only the latest state."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Any

from pbxbilling.calls.live.records import CallRecord, DecisionRecord, LegRecord, PbxMark
from pbxbilling.calls.metering.usage_event import LegMetered
from pbxbilling.kernel.codes import Outcome
from pbxbilling.kernel.records import QueuedRecord


class Pending:
    """Waiting records: those of one key stay in order; states of a call or leg collapse to one."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, QueuedRecord] = {}
        self._refusals: deque[DecisionRecord] = deque()
        self._admissions: deque[DecisionRecord] = deque()

    def __len__(self) -> int:
        return len(self._by_key) + len(self._refusals) + len(self._admissions)

    def put(self, record: QueuedRecord) -> None:
        """Add a record; skip a state that the store would not accept over the waiting one."""
        match record:
            case CallRecord():
                self._put_latest((CallRecord, record.call), record)
            case LegRecord():
                self._put_latest((LegRecord, record.key), record)
            case DecisionRecord():
                admitted = record.outcome is Outcome.ADMIT
                (self._admissions if admitted else self._refusals).append(record)
            case LegMetered():
                self._by_key[LegMetered, record.key] = record
            case PbxMark():
                self._by_key[PbxMark, record.pbx] = record
            case _:
                self._by_key[object()] = record  # kinds without a key: each record is kept

    def _put_latest(self, key: Hashable, record: CallRecord | LegRecord) -> None:
        waiting: Any = self._by_key.setdefault(key, record)  # of the same kind as `record`
        if waiting is not record and waiting.gives_way_to(record):
            self._by_key[key] = record

    def drop_admission(self) -> bool:
        """Drop the oldest waiting admission; return False if there is none."""
        return bool(self._admissions) and bool(self._admissions.popleft())

    def drop_refusal(self) -> bool:
        """Drop the oldest waiting refusal; return False if there is none."""
        return bool(self._refusals) and bool(self._refusals.popleft())

    def records(self) -> list[QueuedRecord]:
        """Return all records; those of one key are in order."""
        return [*self._by_key.values(), *self._refusals, *self._admissions]
