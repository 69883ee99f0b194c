"""The store has a statement for every kind of record."""

from sqlalchemy.dialects import sqlite

from pbxbilling.kernel.records import Record
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.writes import Writes
from tests.support.kernel.leaves import leaves


def test_every_kind_of_record_is_written() -> None:
    assert set(Writes(sqlite.dialect())._by_kind) == leaves(Record) - {PreparedRows}
