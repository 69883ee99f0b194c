"""What replaces what in the queue: every record by the key of its row."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from pbxbilling.kernel.records import QueuedRecord
from pbxbilling.store.queue.record_queue import RecordQueue
from pbxbilling.store.writes import Writes
from tests.support.kernel.clock import Clock
from tests.support.kernel.leaves import leaves
from tests.support.kernel.samples import another, sample

KINDS = sorted(leaves(QueuedRecord), key=lambda kind: kind.__name__)
NAMES = [kind.__name__ for kind in KINDS]


def queued(*records: QueuedRecord) -> list[QueuedRecord]:
    """Return what leaves a queue that took these."""
    queue = RecordQueue(Clock(), 100, lambda: None)
    for record in records:
        queue.put(record)
    return queue.take().records


def row_key(record: QueuedRecord) -> dict[str, Any] | None:
    """Return the columns by which the store finds the record's row; None: it adds a row."""
    ((statement, (values,)),) = Writes(sqlite.dialect()).of([record])
    if "ON CONFLICT" not in str(statement):
        return None
    table: Any = getattr(statement, "table", None)
    named = [column.name for column in table.primary_key]
    return {name: values[name] for name in named if name in values} or values


def others(record: Any) -> list[Any]:
    """Return the record with one field changed, for each field."""
    changed = ((field.name, another(getattr(record, field.name))) for field in fields(record))
    return [replace(record, **{name: value}) for name, value in changed]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_of_records_with_one_key_one_leaves_and_without_a_key_all(kind: type[QueuedRecord]) -> None:
    record = sample(kind)
    twice = 2 if record.queue_key is None else 1
    assert queued(record, record) == [record] * twice


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_the_key_is_that_of_the_row(kind: type[QueuedRecord]) -> None:
    record = sample(kind)
    row = row_key(record)
    assert (record.queue_key is None) == (row is None)
    for other in others(record) if row is not None else ():
        assert (other.queue_key == record.queue_key) == (row_key(other) == row), other


def test_no_record_replaces_one_of_another_kind() -> None:
    one_of_each: list[QueuedRecord] = [sample(kind) for kind in KINDS]
    left = queued(*one_of_each)
    assert len(left) == len(one_of_each)
    assert {type(record) for record in left} == set(KINDS)
