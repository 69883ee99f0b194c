"""Follows one PBX: its AMI link, the snapshots taken over it, and the commands sent to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from pbxbilling.ami.control import AmiControl
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.rights import how_to_fix
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.journal.journal import JournalPosition
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.pbx_facts import RightsExceeded
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.records import PbxMark
from pbxbilling.calls.live.signals import OF_THE_PBX, Signal
from pbxbilling.calls.recovery.recover import JournalRecovery, Login
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.ports import Clock, EventSink, RecordSink
from pbxbilling.runtime.waiting import in_turns, pause
from pbxbilling.telemetry.observers import LinkWatch

RECONCILE_S = 60.0
SOON_S = 5.0  # until the second snapshot, where one is not enough


class PbxLink:
    """Connects the link of one PBX to the call engine; `run` keeps it up."""

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
        """`recovery` builds this PBX's journal reader, given a function that saves its position."""
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
        self._login = Login(clock.now(), clock.monotonic())
        self._booted_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._look = asyncio.Event()
        self._pbx_time: datetime | None = None
        self._orders: set[asyncio.Task[object]] = set()
        self.link = AmiLink(settings, self._take, self, clock, Random())  # noqa: S311 - for pauses
        self.control = AmiControl(self.link, self, clock)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Run as a task of that group, until the group ends or `stop` is called."""
        self._task = tasks.create_task(self.run(), name=f"pbx {self.name}")

    def stop(self) -> None:
        """Drop the link: nothing more is received or sent; the task ends a little later."""
        self.link.drop()
        if self._task is not None:
            self._task.cancel()

    def read_journal_by(
        self, recovery: Callable[[Callable[[], None]], JournalRecovery] | None
    ) -> None:
        """Recover from this journal from the next snapshot on; None: from none."""
        self._recovery = recovery(self.mark) if recovery is not None else None

    async def run(self) -> None:
        """Keep the link up, and reconcile the ledger with the channels that the PBX lists."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run(), name=f"ami {self.name}")
            tasks.create_task(self._reconcile(), name=f"reconcile {self.name}")

    def heard_at(self) -> datetime | None:
        """Return when the PBX was last heard, by our clock; None before the first time."""
        heard_s = self.link.heard_s
        if heard_s is None:
            return None
        return self._clock.now() - timedelta(seconds=self._clock.monotonic() - heard_s)

    def cut(self, channel: Channel, in_s: float) -> None:
        """Order a channel to hang up, without waiting; the meter repeats it if need be."""
        order = asyncio.ensure_future(self.control.absolute_timeout(channel.key.uniqueid, in_s))
        self._orders.add(order)
        order.add_done_callback(self._orders.discard)

    def _take(self, signal: Signal) -> None:
        if not isinstance(signal, OF_THE_PBX):
            self._pbx_time = signal.at
            self.control.stamped = signal.at is not None
            self._tracker.apply(signal)

    def proof(self) -> Proof | None:
        """Return the last event of the PBX that was applied, by its clock; None before the first.

        The last arrival would not do: events that came with it may not have been applied yet.
        """
        heard_s = self.link.heard_s
        at = self._pbx_time if self.control.stamped else self.heard_at()
        return Proof(at, heard_s) if at is not None and heard_s is not None else None

    # --- what the link reports -----------------------------------------------------------------

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        """Note the login and the time of the PBX's boot, and take a snapshot at once."""
        self._login = Login(self._clock.now(), self._clock.monotonic())
        if uptime_s is not None:
            self._booted_at = self._login.at - timedelta(seconds=uptime_s)
        self._reconciler.link_up(pbx, uptime_s)
        self._look.set()

    def disconnected(self, pbx: str, reason: str) -> None:
        """Note that the link is down; it reconnects by itself."""
        self._reconciler.link_down(pbx, reason, self.heard_at(), self.proof())

    def login_failed(self, pbx: str, message: str) -> None:
        """Note that the manager refused the login."""
        self._watch.login_failed(pbx, message)
        self._reconciler.link_down(pbx, f"login refused: {message}", None)

    def clock_reported(self, pbx: str, at: datetime) -> None:  # noqa: ARG002 - the signature is fixed
        """Note the PBX's time: everything it sent before happened before then."""
        self._pbx_time = at

    def unmapped(self, pbx: str, event: str) -> None:
        """Note an event that lacks required fields and was skipped."""
        self._reconciler.lost(pbx)
        self._watch.unmapped(pbx, event)

    def oversized(self, pbx: str, messages: int) -> None:
        """Note messages that were skipped for their size."""
        self._reconciler.lost(pbx)
        self._watch.oversized(pbx, messages)

    def broken(self, pbx: str, rejoined: int, lost: int) -> None:
        """Note messages broken by a caller's input; the next snapshot makes up for lost ones."""
        if lost:
            self._reconciler.lost(pbx)
        self._watch.broken(pbx, rejoined, lost)

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """Note that tracking failed on a signal; the next snapshot repairs the ledger."""
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
                del snapshot  # with 50,000 channels it holds 30 MB
                if not doubtful:
                    self._looked_at = began
                if doubtful or logged_in:  # ends during the login need a second snapshot
                    pause_s = SOON_S
                await self._read_journal(self._boot() if complete else None)
                self.mark()
                if logged_in:
                    await self._look_at_rights()

    async def _look_at_rights(self) -> None:
        """Report rights that the daemon does not need: a stolen login could use them."""
        rights = await self.control.rights_beyond_need()
        if rights:
            user = self.link.settings.username
            self._emit(RightsExceeded(self._clock.now(), self.name, user, rights, how_to_fix(user)))

    def _boot(self) -> datetime | None:
        """Return when Asterisk was started, once per login; None if a channel is older."""
        booted_at, self._booted_at = self._booted_at, None
        return None if self._reconciler.disproves_boot(self.name) else booted_at

    async def _read_journal(self, booted_at: datetime | None) -> None:
        """Settle what happened unseen; if the store fails, the next snapshot settles it."""
        if self._recovery is None:
            return
        try:
            await self._recovery.catch_up(self._login, booted_at=booted_at)
        except StoreError:
            return
        except Exception as error:  # noqa: BLE001 - no journal row may stop the link
            self._watch.journal_failed(self.name, error)

    def known(self) -> PbxMark | None:
        """Return this PBX's mark; None if it was never heard, so that an older mark stays valid."""
        heard_at = self.heard_at()
        if heard_at is None:
            return None
        position = self._recovery.position if self._recovery is not None else JournalPosition()
        lived_at = self._reconciler.lived_at(self.name, self.proof())
        return PbxMark(self.name, heard_at, position.file, position.offset, lived_at)

    def known_until(self) -> datetime | None:
        """Return the instant before which every ended leg is settled; None if not known yet.

        The journal determines it or, without one, the last snapshot.
        """
        if self._recovery is not None:
            return self._recovery.known_until
        return self._looked_at

    def mark(self) -> None:
        """Save this PBX's mark for the next start."""
        mark = self.known()
        if mark is not None:
            self._records.put(mark)
