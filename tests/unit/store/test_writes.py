"""The store has a statement for every kind of record."""

from pbxbilling.kernel.records import Record
from pbxbilling.store.writes import Writes
from tests.support.kernel.leaves import leaves


def test_every_kind_of_record_is_written() -> None:
    assert set(Writes("sqlite")._by_kind) == leaves(Record)
