"""What facts become on record: here, a mode that a reload changes."""

from __future__ import annotations

from pbxbilling.accounts.records import AuditRecord
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.calls.engine.record_sink import Recorder
from pbxbilling.kernel.audit import ActorType, AuditEvent
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import ConfigReloaded
from pbxbilling.kernel.records import QueuedRecord
from tests.support.store.records import NOON


class Kept:
    """A queue."""

    def __init__(self) -> None:
        self.records: list[QueuedRecord] = []

    def put(self, record: QueuedRecord) -> None:
        self.records.append(record)


def recorded(fact: ConfigReloaded) -> list[QueuedRecord]:
    kept = Kept()
    Recorder(kept, Registry(), admissions=False)(fact)
    return kept.records


def test_a_reload_that_changes_the_mode_is_in_the_audit_trail() -> None:
    (row,) = recorded(ConfigReloaded(NOON, Mode.ENFORCE, before=Mode.LOG))
    assert isinstance(row, AuditRecord)
    assert (row.event, row.actor_type) == (AuditEvent.MODE_CHANGED, ActorType.SYSTEM)
    assert (row.before, row.after) == ({"mode": "log"}, {"mode": "enforce"})


def test_one_that_does_not_is_not() -> None:
    assert recorded(ConfigReloaded(NOON, Mode.LOG, before=Mode.LOG)) == []
    assert recorded(ConfigReloaded(NOON, Mode.LOG, "FILE:3: …", before=Mode.LOG)) == []
