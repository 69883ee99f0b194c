"""The services around one PBX's journal, with a store and a journal in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import count

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.engine.record_sink import Recorder
from pbxbilling.calls.journal.journal import JournalBatch, JournalError, JournalPosition, JournalRow
from pbxbilling.calls.live.channel import ChannelKey, Trunks
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.records import PbxMark
from pbxbilling.calls.live.trust import Trust
from pbxbilling.calls.metering.allowance import Allowances
from pbxbilling.calls.metering.cut import Cutter
from pbxbilling.calls.metering.meter import Meter
from pbxbilling.calls.recovery.reconcile import Reconciler
from pbxbilling.calls.recovery.recover import JournalRecovery, JournalSource, Login
from pbxbilling.calls.recovery.settle import Settler
from pbxbilling.calls.tracking.adopt import Adopter
from pbxbilling.calls.tracking.restore import restore
from pbxbilling.calls.tracking.track import Tracker
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import Record
from tests.support.calls.journal_rows import EPOCH_S, at
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore

PBX = "pbx1"
KEY = ChannelKey(PBX, f"{EPOCH_S}.1")
"""The trunk leg of `journal_rows.outbound`."""
LONG_AFTER = at(1000)
ACCOUNTS = Registry(
    [Plan("basic", included_minutes=100)],
    [
        Tenant("acme", "basic", accountcodes=("acme",), dids=("+15550100",)),
        Tenant("globex", "basic", contexts=("from-globex",)),
    ],
)


class ListedJournal:
    """A `Journal` whose positions count rows; `fault`, where set, is raised."""

    def __init__(self, rows: Sequence[JournalRow] = (), size: int = 3) -> None:
        self.path = "/var/log/asterisk/cel-custom/pbxbilling.csv"
        self.rows = list(rows)
        self.size = size
        self.fault: JournalError | None = None
        self.skipped = 0
        self.gap = False

    async def batches(self, after: JournalPosition) -> AsyncIterator[JournalBatch]:
        if self.fault is not None:
            raise self.fault
        begin = after.offset
        while begin < len(self.rows) or self.skipped:
            end = min(begin + self.size, len(self.rows))
            rows = tuple(self.rows[begin:end])
            position = JournalPosition("rows", end)
            yield JournalBatch(after, position, rows, self.skipped, self.gap)
            begin, after, self.skipped, self.gap = end, position, 0, False


class HeldWriter:
    """A queue whose records reach the store on flush."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.queue: list[Record] = []

    def put(self, record: Record) -> None:
        self.queue.append(record)

    async def flush(self) -> None:
        if self.queue:
            await self.store.commit(self.queue)
            self.queue = []


class Run:
    """One life of the daemon, from its start until `kill`, which loses unflushed records."""

    def __init__(
        self, store: MemoryStore, journal: ListedJournal, now: datetime = LONG_AFTER
    ) -> None:
        self.store, self.journal = store, journal
        self.clock = Clock(now)
        self.log_in()
        self.facts: list[Fact] = []
        self.writer = HeldWriter(store)
        self._recorder = Recorder(self.writer, ACCOUNTS, admissions=False)
        in_force = InForce(Policy(), ACCOUNTS)
        ids = count(1)
        self.ledger = Ledger({PBX: Trunks(["PJSIP/carrier*"])}, lambda: f"call-{next(ids)}")
        self.trust = trust = Trust([PBX], 30)
        self.allowances = Allowances()
        cutter = Cutter(
            self.allowances, self.ledger, in_force, trust, self.clock, self.emit, lambda *_: None
        )
        self.meter = Meter(self.allowances, cutter, in_force, self.clock, self.emit)
        self.tracker = Tracker(self.ledger, in_force, self.meter, self.clock, self.emit)
        self.adopter = Adopter(self.ledger, in_force, self.tracker, self.clock, self.emit)
        mark = store.known_marks.get(PBX, PbxMark(PBX))
        self.reconciler = Reconciler(
            self.ledger, self.tracker, self.adopter, cutter, trust, self.clock, self.emit
        )
        trust.take_up(PBX, mark.heard_at)
        self.reconciler.take_up(PBX, mark.lived_at)
        self.recovery = JournalRecovery(
            JournalSource(PBX, journal, JournalPosition(mark.journal_file, mark.journal_offset)),
            Settler(self.ledger, self.tracker, self.meter, cutter, in_force, self.clock, self.emit),
            store,
            self.writer,
            self.clock,
            self.emit,
            self.save,
        )

    def log_in(self) -> None:
        """Note a login at the PBX's manager: what it reports from now on is heard."""
        self.login = Login(self.clock.now(), self.clock.monotonic())

    def emit(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._recorder(fact)

    def save(self) -> None:
        self.writer.put(PbxMark(PBX, None, *self.recovery.position))

    def facts_of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def take_up(self) -> None:
        """Restore live calls and legs from the store."""
        calls, legs = await self.store.open_calls(), await self.store.open_legs()
        marks = self.store.known_marks.values()
        lived_at = {mark.pbx: mark.lived_at for mark in marks if mark.lived_at}
        restore(self.ledger, calls, legs, {}, lived_at, self.clock)

    async def round(self, booted_at: datetime | None = None) -> None:
        """Read the journal's new rows, and settle."""
        await self.recovery.catch_up(self.login, booted_at=booted_at)

    async def end(self) -> None:
        """Run two rounds far apart, so that nothing is deferred any longer, and flush."""
        await self.round()
        self.clock.move_to(self.clock.now() + timedelta(seconds=60))
        await self.round()
        await self.writer.flush()

    def held(self, uniqueid: str) -> bool:
        return ChannelKey(PBX, uniqueid) in self.ledger.channels


async def recover(store: MemoryStore, rows: list[JournalRow]) -> Run:
    """Start a daemon on these rows, and return it after its first round."""
    run = Run(store, ListedJournal(rows))
    await run.take_up()
    await run.round()
    await run.writer.flush()
    return run
