"""Adds, changes and removes the links of PBXes as the configuration names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pbxbilling.ami.settings import link_settings
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.journal.journal import JournalPosition
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.channel import Trunks
from pbxbilling.calls.live.pbx_facts import PbxLetGo, PbxTakenUp
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.records import PbxMark
from pbxbilling.calls.ports import CallStore
from pbxbilling.calls.recovery.recover import DurableQueue, JournalRecovery, JournalSource
from pbxbilling.cel.reader import CelJournal
from pbxbilling.config.sections import PbxSettings
from pbxbilling.daemon.pbx import PbxLink
from pbxbilling.kernel.ports import Clock, EventSink, RecordSink
from pbxbilling.telemetry.observers import LinkWatch


class RecordQueue(RecordSink, DurableQueue, Protocol):
    """The queue in front of the store: takes records, and can wait until they are durable."""


class PbxFleet:
    """The links of all PBXes, by name; `run` keeps them up."""

    def __init__(
        self,
        marks: Mapping[str, PbxMark],
        engine: CallEngine,
        watch: LinkWatch,
        store: CallStore,
        queue: RecordQueue,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        """`marks`: each PBX's mark when this run began, including PBXes no longer configured.

        It follows no PBX until `change` names some.
        """
        self._marks = dict(marks)
        self._engine = engine
        self._watch = watch
        self._store = store
        self._queue = queue
        self._clock = clock
        self._emit = emit
        self._settings: dict[str, PbxSettings] = {}
        self._links: dict[str, PbxLink] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Keep every link up, including those added later; cancel to stop."""
        async with asyncio.TaskGroup() as self._tasks:
            for link in self._links.values():
                link.start(self._tasks)
            await asyncio.Event().wait()

    # --- what the configuration says -----------------------------------------------------------

    def change(self, settings: Sequence[PbxSettings]) -> None:
        """Follow these PBXes and no others; links with unchanged settings are not touched.

        The name identifies a PBX: a renamed one is removed, and added as another.
        """
        named = {pbx.name: pbx for pbx in settings}
        for name in self._links.keys() - named.keys():
            self._let_go(name)
        for name, pbx in named.items():
            before = self._settings.get(name)
            if before is None:
                self._take_up(pbx)
            elif before != pbx:
                self._adjust(before, pbx)
        self._settings = named
        self._engine.admission.hosts = {pbx.host: pbx.name for pbx in settings}

    def _take_up(self, pbx: PbxSettings) -> None:
        mark = self._marks.get(pbx.name, PbxMark(pbx.name))
        self._engine.trust.take_up(pbx.name, mark.heard_at)
        self._engine.reconciler.take_up(pbx.name, mark.lived_at)
        self._engine.ledger.trunks[pbx.name] = Trunks(pbx.trunks)
        link = self._links[pbx.name] = PbxLink(
            link_settings(pbx),
            self._engine,
            self._watch,
            self._queue,
            self._clock,
            self._emit,
            self._recovery_of(pbx, JournalPosition(mark.journal_file, mark.journal_offset)),
        )
        if self._tasks is not None:
            link.start(self._tasks)
        self._publish_taken_up(pbx)

    def _adjust(self, before: PbxSettings, pbx: PbxSettings) -> None:
        link = self._links[pbx.name]
        link.link.change(link_settings(pbx))
        self._engine.ledger.trunks[pbx.name] = Trunks(pbx.trunks)
        if pbx.cel_csv != before.cel_csv:
            link.read_journal_by(self._recovery_of(pbx, JournalPosition()))
            self._publish_taken_up(pbx)
        elif pbx.cel_timezone != before.cel_timezone:  # what it refused before may be right now
            link.read_journal_by(self._recovery_of(pbx, JournalPosition()))

    def _publish_taken_up(self, pbx: PbxSettings) -> None:
        self._emit(PbxTakenUp(self._clock.now(), pbx.name, journal=pbx.cel_csv is not None))

    def _let_go(self, name: str) -> None:
        """Remove a PBX; no event will end its calls, so they end at its last proof of life."""
        link = self._links.pop(name)
        link.mark()
        self._marks[name] = link.known() or self._marks.get(name, PbxMark(name))
        link.stop()
        self._forget(name, link.proof())

    def let_go_unnamed(self) -> None:
        """End calls that an earlier run left open on PBXes that are no longer configured."""
        held = {channel.key.pbx for channel in self._engine.ledger.channels.values()}
        for name in sorted(held - self._links.keys()):
            self._forget(name, None)

    def _forget(self, name: str, proof: Proof | None) -> None:
        self._engine.reconciler.let_go(name, proof)
        self._engine.ledger.trunks.pop(name, None)
        self._emit(PbxLetGo(self._clock.now(), name))

    def _recovery_of(
        self, pbx: PbxSettings, start: JournalPosition
    ) -> Callable[[Callable[[], None]], JournalRecovery] | None:
        """Return the factory of a PBX's journal reader; None if it has no journal."""
        if pbx.cel_csv is None:
            return None
        journal = CelJournal(pbx.cel_csv, zone=pbx.cel_zone)
        return lambda save: JournalRecovery(
            JournalSource(pbx.name, journal, start),
            self._engine.settler,
            self._store,
            self._queue,
            self._clock,
            self._emit,
            save,
        )

    # --- queries and commands to the links -----------------------------------------------------

    def cut(self, channel: Channel, in_s: float) -> None:
        """Order a channel to hang up in that many seconds."""
        link = self._links.get(channel.key.pbx)
        if link is not None:
            link.cut(channel, in_s)

    def heard_at(self, pbx: str) -> datetime | None:
        """Return when a PBX's link last received anything; None before the first time."""
        link = self._links.get(pbx)
        return link.heard_at() if link is not None else None

    def known_until(self) -> dict[str, datetime | None]:
        """Return for each PBX the instant before which all ended legs are known; None: not yet."""
        return {name: link.known_until() for name, link in self._links.items()}

    def mark(self) -> None:
        """Save each PBX's mark for the next start."""
        for link in self._links.values():
            link.mark()

    async def ask_after_unconfirmed(self) -> None:
        """Release reservations whose channel does not exist, according to its PBX."""
        reconciler = self._engine.reconciler
        for channel in reconciler.unconfirmed():
            link = self._links.get(channel.key.pbx)  # may be removed while another PBX answers
            if link is not None and await link.control.channel_exists(channel.name) is False:
                reconciler.expire(channel)
