"""A PBX with a true history, beside a daemon that is killed, cut off and misled.

Every channel is a trunk leg of globex by itself. The truth about it is recorded here and shares
nothing with what the daemon derives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pbxbilling.calls.journal.journal import JournalError
from pbxbilling.calls.live import signals
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.records import LegRecord, PbxMark
from pbxbilling.calls.live.signals import ChannelSeen, ChannelSignal, Snapshot
from tests.support.calls.journal_rows import EPOCH_S, at, row
from tests.support.calls.recovery import PBX, ListedJournal, Run
from tests.support.calls.world import done
from tests.support.store.memory_store import MemoryStore

DOWN, UP = 0, 6
BORN_S = 500.0  # when Asterisk first started, before the daemon


@dataclass
class Channel:
    """The truth about a channel; times are seconds of the story."""

    serial: int
    second: int
    began_s: float
    answered_s: float | None = None
    asked_s: float | None = None  # its end was requested; its `h` extension runs
    ended_s: float | None = None

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(PBX, f"{self.second}.{self.serial}")

    @property
    def talk_s(self) -> float:
        """Its talk time."""
        if self.answered_s is None or self.ended_s is None:
            return 0.0
        return self.ended_s - self.answered_s

    def seen(self, now_s: float) -> ChannelSeen:
        """The channel as AMI shows it."""
        state = UP if self.answered_s is not None else DOWN
        name = f"PJSIP/carrier-{self.serial:08x}"
        context, age_s = "from-globex", float(int(now_s - self.began_s))
        return ChannelSeen(self.key, name, state, self.key.uniqueid, "", context, "s", age_s=age_s)


class History:
    """The story so far; each method is one event in it."""

    def __init__(self, *, journal: bool) -> None:
        self.now_s = 1000.0
        self.channels: list[Channel] = []
        self.store = MemoryStore()
        self.rows = ListedJournal()
        self.with_journal = journal
        self.booted_s: float | None = BORN_S
        self.serial = 0
        self.run: Run | None = None
        self.linked = False
        self.told_at: datetime | None = None
        self.booted_at: datetime | None = None
        self.writes_rows = True

    # --- the truth ------------------------------------------------------------------------------

    @property
    def living(self) -> list[Channel]:
        """Return the channels that have not ended, oldest first."""
        return [channel for channel in self.channels if channel.ended_s is None]

    def one(self, which: int) -> Channel | None:
        """Return one of the living channels; None where there is none."""
        living = self.living
        return living[which % len(living)] if living else None

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        if self.run is not None:
            self.run.clock.move_to(at(self.now_s))

    def dial(self) -> None:
        """Create a channel."""
        if self.booted_s is None:
            return
        channel = Channel(self.serial, EPOCH_S + int(self.now_s), self.now_s)
        self.serial += 1
        self.channels.append(channel)
        self._row("CHAN_START", channel)
        self._tell(signals.Newchannel(channel.seen(self.now_s), at(self.now_s)))

    def answer(self, which: int) -> None:
        channel = self.one(which)
        if channel is None or channel.answered_s is not None or channel.asked_s is not None:
            return
        channel.answered_s = self.now_s
        self._row("ANSWER", channel)
        self._tell(signals.Newstate(channel.seen(self.now_s), at(self.now_s)))

    def ask_to_end(self, which: int) -> None:
        """Hang up from the other side, so that the channel runs its `h` extension."""
        channel = self.one(which)
        if channel is not None and channel.asked_s is None:
            channel.asked_s = self.now_s
            self._tell(signals.HangupRequest(channel.key, at(self.now_s)))

    def hang_up(self, which: int, late_s: float = 0.0) -> None:
        """End a channel; AMI stamps its end that much too late."""
        channel = self.one(which)
        if channel is None:
            return
        channel.ended_s = self.now_s
        self._row("HANGUP", channel)
        self._tell(signals.Hangup(channel.key, at(self.now_s + late_s)))

    def stamp_late(self, which: int, late_s: float) -> None:
        """End a channel on a busy Asterisk, where only the journal has the right time."""
        if self.with_journal:
            self.hang_up(which, late_s)

    def kill_asterisk(self) -> None:
        """Kill Asterisk; every channel dies with it."""
        for channel in self.living:
            channel.ended_s = self.now_s
        self.booted_s = None
        self.cut()

    def start_asterisk(self) -> None:
        if self.booted_s is None:
            self.wait(1.5)  # no Asterisk boots faster
            self.booted_s = self.now_s
            self.serial = 0

    # --- what the daemon receives ---------------------------------------------------------------

    def _tell(self, signal: ChannelSignal) -> None:
        if self.run is not None and self.linked:
            self.run.tracker.apply(signal)
            self.told_at = signal.at

    def _proof(self) -> Proof | None:
        assert self.run is not None
        known = self.told_at is not None
        return Proof(self.told_at, self.run.clock.monotonic()) if known and self.told_at else None

    def pong(self) -> None:
        """Receive the PBX's time."""
        if self.linked:
            self.told_at = at(self.now_s)

    def lose(self, which: int) -> None:
        """End a channel while a caller's line breaks destroy the message about it."""
        if self.run is None or not self.linked:
            return
        self.linked = False
        self.hang_up(which)
        self.linked = True
        self.run.reconciler.lost(PBX)

    def cut(self) -> None:
        """Cut the link."""
        if self.run is not None and self.linked:
            heard_at = self.run.clock.now()
            self.run.reconciler.link_down(PBX, "cut", heard_at, self._proof())
        self.linked = False

    def join(self) -> None:
        """Connect the link."""
        if self.run is None or self.linked or self.booted_s is None:
            return
        self.linked = True
        uptime_s = float(int(self.now_s - self.booted_s))
        self.run.log_in()
        self.booted_at = self.run.login.at - timedelta(seconds=uptime_s)
        self.run.reconciler.link_up(PBX, uptime_s)

    async def look(self, *, complete: bool = True) -> None:
        """Take a snapshot, then read the journal, as the daemon does."""
        run = self.run
        if run is None or not self.linked:
            return
        self.pong()
        rows = tuple(channel.seen(self.now_s) for channel in self.living) if complete else ()
        clock = run.clock
        shot = Snapshot(PBX, rows, complete, at(self.now_s), clock.monotonic())
        done(run.reconciler.apply(shot))
        if self.with_journal:
            booted_at, self.booted_at = self.booted_at, None
            disproved = run.reconciler.disproves_boot(PBX)
            await run.round(None if disproved or not complete else booted_at)

    # --- the journal ---------------------------------------------------------------------------

    def _row(self, event: str, channel: Channel) -> None:
        if self.writes_rows:
            told = row(event, self.now_s, channel.serial, second=channel.second)
            name = channel.seen(self.now_s).name
            self.rows.rows.append(told._replace(channel=name, context="from-globex", exten="s"))

    def lose_rows(self, which: int) -> None:
        """End a channel while a file of the journal is lost, and the reader notices."""
        self.writes_rows = False
        self.hang_up(which)
        self.writes_rows = True
        self.rows.gap = True

    def tear_row(self, which: int) -> None:
        """End a channel while the row about it is corrupted."""
        self.writes_rows = False
        self.hang_up(which)
        self.writes_rows = True
        self.rows.skipped += 1

    def forbid(self) -> None:
        """Make the journal unreadable."""
        self.rows.fault = JournalError("journal x.csv: Permission denied; mend its mode")

    def allow(self) -> None:
        self.rows.fault = None

    # --- the daemon ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start a daemon from what the store has."""
        if self.run is None:
            self.told_at = None
            self.run = Recovering(self)
            await self.run.take_up()

    async def flush(self) -> None:
        if self.run is not None:
            await self.run.writer.flush()

    def mark(self) -> None:
        """Let the daemon save how far the PBX's events are known."""
        if self.run is not None:
            self.run.save()

    def kill(self) -> None:
        """Kill the daemon: unflushed data is lost."""
        self.run, self.linked = None, False

    async def let_go(self) -> None:
        """Remove the PBX from the configuration, then add it again: under another daemon."""
        if self.run is not None:
            self.mark()
            self.run.reconciler.let_go(PBX, self._proof())
            await self.flush()
            self.kill()

    async def end(self) -> None:
        """End all channels, and let an undisturbed daemon settle the rest."""
        self.allow()
        self.start_asterisk()
        await self.start()
        while self.living:
            self.hang_up(0)
        self.cut()
        self.join()
        for _ in range(3):
            self.wait(20.0)
            await self.look()
        await self.flush()

    def legs(self) -> dict[ChannelKey, LegRecord]:
        """Return the legs on record."""
        return dict(self.store.known_legs)


class Recovering(Run):
    """A daemon in that story."""

    def __init__(self, story: History) -> None:
        self._story = story
        super().__init__(story.store, story.rows, at(story.now_s))

    def save(self) -> None:
        story = self._story
        told_at = story.told_at
        proof = Proof(told_at, self.clock.monotonic()) if told_at is not None else None
        lived_at = self.reconciler.lived_at(PBX, proof)
        heard_at = self.clock.now() if story.linked else self.trust.links[PBX].heard_at
        self.writer.put(PbxMark(PBX, heard_at, *self.recovery.position, lived_at))
