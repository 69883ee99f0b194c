"""One PBX under watch: its AMI link, the snapshots taken over it, and the orders sent to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from pbxbilling.ami.control import AmiControl
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.rights import mend
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.journal.journal import JournalPosition
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.pbx_facts import RightsExceeded
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.records import PbxMark
from pbxbilling.calls.live.signals import OF_THE_PBX, Signal
from pbxbilling.calls.recovery.recover import JournalRecovery
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.ports import Clock, EventSink, RecordSink
from pbxbilling.runtime.waiting import in_turns, pause
from pbxbilling.telemetry.observers import LinkWatch

RECONCILE_S = 60.0
SOON_S = 5.0  # until the second look, where one does not tell everything


class PbxLink:
    """Joins the link of one PBX to the services; `run` for ever."""

    def __init__(
        self,
        settings: LinkSettings,
        engine: CallEngine,
        watch: LinkWatch,
        records: RecordSink,
        clock: Clock,
        emit: EventSink,
        recovery: Callable[[Callable[[], None]], JournalRecovery] | None = None,
    ) -> None:
        """`recovery` makes the reader of this PBX's journal, given what saves its position."""
        self.name = settings.pbx
        self._tracker = engine.tracker
        self._reconciler = engine.reconciler
        self._watch = watch
        self._records = records
        self._clock = clock
        self._emit = emit
        self._task: asyncio.Task[None] | None = None
        self._recovery: JournalRecovery | None = None
        self.read_journal_by(recovery)
        self._logged_in_at = clock.now()
        self._booted_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._look = asyncio.Event()
        self._told_at: datetime | None = None
        self._orders: set[asyncio.Task[object]] = set()
        self.link = AmiLink(settings, self._take, self, clock, Random())  # noqa: S311
        self.control = AmiControl(self.link, self, clock)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Run as a task of that group, until it ends or `stop` is called."""
        self._task = tasks.create_task(self.run(), name=f"pbx {self.name}")

    def stop(self) -> None:
        """Hear and ask nothing more from this moment on; the task ends a little later."""
        self.link.drop()
        if self._task is not None:
            self._task.cancel()

    def read_journal_by(
        self, recovery: Callable[[Callable[[], None]], JournalRecovery] | None
    ) -> None:
        """Recover by this journal from the next look on; None: by none."""
        self._recovery = recovery(self.mark) if recovery is not None else None

    async def run(self) -> None:
        """Keep the link up and the ledger in step with what the PBX lists."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run(), name=f"ami {self.name}")
            tasks.create_task(self._reconcile(), name=f"reconcile {self.name}")

    def heard_at(self) -> datetime | None:
        """When the PBX was last heard, by our clock."""
        heard_s = self.link.heard_s
        if heard_s is None:
            return None
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - heard_s)

    def cut(self, channel: Channel, in_s: float) -> None:
        """Order a channel to end; nobody waits, and the meter asks again where it lives on."""
        order = asyncio.ensure_future(self.control.absolute_timeout(channel.key.uniqueid, in_s))
        self._orders.add(order)
        order.add_done_callback(self._orders.discard)

    def _take(self, signal: Signal) -> None:
        if not isinstance(signal, OF_THE_PBX):
            self._told_at = signal.at
            self.control.stamped = signal.at is not None
            self._tracker.apply(signal)

    def proof(self) -> Proof | None:
        """The last word of the PBX that was taken in, by its own clock; None before the first.

        Not when something of it arrived: what came with that may not be taken in yet.
        """
        heard_s = self.link.heard_s
        at = self._told_at if self.control.stamped else self.heard_at()
        return Proof(at, heard_s) if at is not None and heard_s is not None else None

    # --- what the link tells -------------------------------------------------------------------

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        """Logged in: look at once."""
        self._logged_in_at = self._clock.now()
        if uptime_s is not None:
            self._booted_at = self._logged_in_at - timedelta(seconds=uptime_s)
        self._reconciler.link_up(pbx, uptime_s)
        self._look.set()

    def disconnected(self, pbx: str, reason: str) -> None:
        """The link is down; it is tried again by itself."""
        self._reconciler.link_down(pbx, reason, self.heard_at(), self.proof())

    def login_failed(self, pbx: str, message: str) -> None:
        """The manager refuses us."""
        self._watch.login_failed(pbx, message)
        self._reconciler.link_down(pbx, f"login refused: {message}", None)

    def clock_told(self, pbx: str, at: datetime) -> None:  # noqa: ARG002
        """All that the PBX told before is of before then."""
        self._told_at = at

    def unmapped(self, pbx: str, event: str) -> None:
        """An event lacks what makes it one."""
        self._reconciler.lost(pbx)
        self._watch.unmapped(pbx, event)

    def oversized(self, pbx: str, messages: int) -> None:
        """Messages were skipped."""
        self._reconciler.lost(pbx)
        self._watch.oversized(pbx, messages)

    def broken(self, pbx: str, mended: int, lost: int) -> None:
        """A caller wrote into messages: the next snapshot tells what the lost ones told."""
        if lost:
            self._reconciler.lost(pbx)
        self._watch.broken(pbx, mended, lost)

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """Tracking raised: the next snapshot mends what it left."""
        self._reconciler.lost(pbx)
        self._watch.sink_failed(pbx, signal, error)

    # --- reconciliation ------------------------------------------------------------------------

    async def _reconcile(self) -> None:
        pause_s = RECONCILE_S
        while True:
            await pause(pause_s, self._look)
            logged_in = self._look.is_set()
            self._look.clear()
            pause_s = RECONCILE_S
            if self.link.connected:
                began = self._clock.now()
                snapshot = await self.control.snapshot()
                with self.link.held():
                    doubtful = await in_turns(self._reconciler.apply(snapshot))
                complete = snapshot.complete
                del snapshot  # of 50,000 channels it is 30 MB
                if not doubtful:
                    self._looked_at = began
                if doubtful or logged_in:  # what ended during the login waits for a second round
                    pause_s = SOON_S
                await self._read_journal(self._boot() if complete else None)
                self.mark()
                if logged_in:
                    await self._look_at_rights()

    async def _look_at_rights(self) -> None:
        """Least privilege: who takes this login over can do what its user may."""
        rights = await self.control.rights_beyond_need()
        if rights:
            user = self.link.settings.username
            self._emit(RightsExceeded(self._clock.now(), self.name, user, rights, mend(user)))

    def _boot(self) -> datetime | None:
        """When Asterisk was started, told once for each login, and if its channels are no older."""
        booted_at, self._booted_at = self._booted_at, None
        return None if self._reconciler.disproves_boot(self.name) else booted_at

    async def _read_journal(self, booted_at: datetime | None) -> None:
        """Settle what happened unseen; what a failing store holds up, the next look settles."""
        if self._recovery is None:
            return
        try:
            await self._recovery.catch_up(unheard_until=self._logged_in_at, booted_at=booted_at)
        except StoreError:
            return
        except Exception as error:  # noqa: BLE001 - a row of a journal must not cost the link
            self._watch.journal_failed(self.name, error)

    def known(self) -> PbxMark | None:
        """How far this PBX is known; None where it was never heard, and an older mark holds."""
        heard_at = self.heard_at()
        if heard_at is None:
            return None
        position = self._recovery.position if self._recovery is not None else JournalPosition()
        lived_at = self._reconciler.lived_at(self.name, self.proof())
        return PbxMark(self.name, heard_at, position.file, position.offset, lived_at)

    def known_until(self) -> datetime | None:
        """Every leg that ended before then is settled; None where that cannot be said yet.

        By the journal, else, where there is none, by the last snapshot.
        """
        if self._recovery is not None:
            return self._recovery.known_until
        return self._looked_at

    def mark(self) -> None:
        """Keep how far this PBX is known, for the next start."""
        mark = self.known()
        if mark is not None:
            self._records.put(mark)
