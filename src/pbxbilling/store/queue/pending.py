"""Holds records waiting to be written; of those with one key, only the latest."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from pbxbilling.calls.live.records import DecisionRecord
from pbxbilling.kernel.codes import Outcome
from pbxbilling.kernel.records import QueuedRecord


class Pending:
    """Waiting records, in the order in which their keys came (`QueuedRecord.queue_key`).

    Decisions alone may be dropped, admissions before refusals, and so they wait apart.
    """

    def __init__(self) -> None:
        self._by_key: dict[Hashable, QueuedRecord] = {}
        self._refusals: deque[DecisionRecord] = deque()
        self._admissions: deque[DecisionRecord] = deque()

    def __len__(self) -> int:
        return len(self._by_key) + len(self._refusals) + len(self._admissions)

    def put(self, record: QueuedRecord) -> None:
        """Add a record; skip a state that the store would not accept over the waiting one."""
        if isinstance(record, DecisionRecord):
            admitted = record.outcome is Outcome.ADMIT
            (self._admissions if admitted else self._refusals).append(record)
            return
        key = record.queue_key
        place: Hashable = object() if key is None else (type(record), key)
        waiting = self._by_key.setdefault(place, record)
        if waiting is not record and waiting.gives_way_to(record):
            self._by_key[place] = record

    def drop_admission(self) -> bool:
        """Drop the oldest waiting admission; return False if there is none."""
        return bool(self._admissions) and bool(self._admissions.popleft())

    def drop_refusal(self) -> bool:
        """Drop the oldest waiting refusal; return False if there is none."""
        return bool(self._refusals) and bool(self._refusals.popleft())

    def records(self) -> list[QueuedRecord]:
        """Return all records, the decisions last."""
        return [*self._by_key.values(), *self._refusals, *self._admissions]
