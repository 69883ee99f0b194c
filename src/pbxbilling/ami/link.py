"""The supervised link to one PBX: it reconnects, hands signals on, and limits actions in time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

from pbxbilling.ami.actions import ActionError, Actions, Answer, LinkError
from pbxbilling.ami.connection import Connection
from pbxbilling.ami.login import LoginError, connect, greet, log_in
from pbxbilling.ami.messages.mapping import SIGNALS, signal_of, stamp_of
from pbxbilling.ami.messages.protocol import encode_action, event_name
from pbxbilling.ami.messages.repair import Repair
from pbxbilling.ami.observer import LinkObserver
from pbxbilling.ami.rights import Action
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.calls.live.signals import FullyBooted, Signal
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.waiting import Backoff, pause


class SettingsChanged(Exception):  # noqa: N818 - not an error: the link reconnects on purpose
    """The settings of a running link were changed."""


class AmiLink:
    """One PBX's manager link.

    Signals go to `sink` at once and in order, on the event loop; an exception of the sink is
    reported and does not close the link. No action is ever sent twice.
    """

    def __init__(
        self,
        settings: LinkSettings,
        sink: Callable[[Signal], None],
        observer: LinkObserver,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.settings = settings
        self.connected = False  # logged in, and Asterisk fully booted
        self._sink = sink
        self._observer = observer
        self._clock = clock
        self._backoff = Backoff(settings.backoff_min_s, settings.backoff_max_s, rng)
        self._actions = Actions()
        self._connection: Connection | None = None
        self._changed = asyncio.Event()
        self._heard_s: float | None = None

    @property
    def pbx(self) -> str:
        """The PBX's name."""
        return self.settings.pbx

    @property
    def heard_s(self) -> float | None:
        """When the PBX last sent something on a link that was up, by the monotonic clock.

        Anything else is no proof that it lives: a proxy may accept a connection, and an Asterisk
        that has yet to boot proves nothing about the one before.
        """
        if self.connected and self._connection is not None:
            return self._connection.heard_s
        return self._heard_s

    def change(self, settings: LinkSettings) -> None:
        """Reconnect with other settings, at once. Equal ones change nothing."""
        if settings != self.settings:
            self.settings = settings
            self._changed.set()

    def drop(self) -> None:
        """Stop handing anything on, at once. Cancel `run` as well, or it reconnects."""
        if self._connection is not None:
            self._connection.drop()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hand nothing on inside: entered right after an answer, all that follows it waits."""
        connection = self._connection
        if connection is None:
            yield
        else:
            with connection.held():
                yield

    async def run(self) -> NoReturn:
        """Keep the link up for ever; cancel to stop."""
        while True:
            self._changed.clear()
            pause_s = 0.0
            try:
                await self._session(self.settings)
            except LoginError as refusal:
                self._observer.login_failed(self.pbx, str(refusal))
                pause_s = self.settings.login_retry_s
            except ActionError as fault:
                self._observer.disconnected(self.pbx, str(fault))
                pause_s = self._backoff.next_s()
            except SettingsChanged as change:
                self._observer.disconnected(self.pbx, str(change))
            await pause(pause_s, self._changed)

    async def ask(
        self,
        action: Action,
        fields: Iterable[tuple[str, str]] = (),
        row: Callable[[str], None] | None = None,
    ) -> Answer:
        """Send an action and await its answer; `row` gets the rows of a list as they come.

        A caller that awaits this directly sees a list's end before any later event reaches the
        sink. Raises ActionError: no answer in time, the list cut short, no link (LinkError).
        """
        connection = self._connection
        if connection is None or not self.connected:
            msg = f"{self.settings}: no link, {action} not sent"
            raise LinkError(msg)
        limit_s = self.settings.action_s if row is None else self.settings.list_s
        return await self._ask(connection, action, fields, limit_s, row)

    async def _ask(
        self,
        connection: Connection,
        action: Action,
        fields: Iterable[tuple[str, str]],
        limit_s: float,
        row: Callable[[str], None] | None = None,
    ) -> Answer:
        action_id, answer = self._actions.open(row)
        try:
            connection.send(encode_action(action, action_id, fields))
            async with asyncio.timeout(limit_s):
                return await answer
        except ValueError as unfit:
            msg = f"{self.settings}: {action} not sent: {unfit}"
            raise ActionError(msg) from unfit
        except TimeoutError as late:
            msg = f"{self.settings}: no complete answer to {action} within {limit_s:g} s"
            raise ActionError(msg) from late
        finally:
            self._actions.close(action_id)

    async def _session(self, settings: LinkSettings) -> NoReturn:
        connection = await connect(settings, self._connection_to_be)
        self._connection = connection
        connection.lost.add_done_callback(self._fell)  # so no action waits for its deadline
        try:
            await greet(connection, settings)
            await log_in(
                settings,
                lambda action, fields: self._ask(connection, action, fields, settings.login_s),
            )
            await self._stay(connection, settings)
        finally:
            self._down()
            self._connection = None
            self._actions.fail(LinkError(f"{settings}: the link is closed"))
            await connection.close()

    def _connection_to_be(self) -> Connection:
        repair = Repair(self._actions.token)
        return Connection(self._take, self._skipped, self._broken, repair, self._clock)

    async def _stay(self, connection: Connection, settings: LinkSettings) -> NoReturn:
        booted_by_s = self._clock.monotonic() + settings.boot_s
        while True:
            await self._rest(connection, settings.ping_s)
            if not self.connected and self._clock.monotonic() > booted_by_s:
                msg = (
                    f"{settings}: logged in, but no FullyBooted within {settings.boot_s:g} s: give"
                    " this user read = system,call in manager.conf"
                )
                raise LinkError(msg)
            await self._ping(connection, settings)

    async def _rest(self, connection: Connection, pause_s: float) -> None:
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait(
                (connection.lost, changed), timeout=pause_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()
        if connection.lost.done():
            msg = f"{self.settings}: {connection.lost.result()}"
            raise LinkError(msg)
        if self._changed.is_set():
            msg = f"{self.settings}: the settings changed"
            raise SettingsChanged(msg)

    async def _ping(self, connection: Connection, settings: LinkSettings) -> None:
        sent_s = self._clock.monotonic()
        try:
            answer = await self._ask(connection, "Ping", (), settings.ping_deadline_s)
            self._note_time(answer)
        except LinkError:
            raise
        except ActionError as late:
            # the answer may be behind a burst that we have yet to read: the PBX is alive
            if connection.heard_s <= sent_s:
                msg = f"{settings}: no answer to Ping within {settings.ping_deadline_s:g} s"
                raise LinkError(msg) from late

    async def time(self) -> datetime | None:
        """Ask for the PBX's clock; None where the answer has no time. Raises ActionError."""
        return self._note_time(await self.ask("Ping"))

    def _note_time(self, pong: Answer) -> datetime | None:
        at = stamp_of(pong.fields.get("Timestamp", ""))
        if at is not None:
            self._observer.clock_reported(self.pbx, at)
        return at

    def _take(self, block: bytes) -> bool:
        name = event_name(block)
        if name not in SIGNALS:
            return self._actions.take(block)
        signal = signal_of(self.settings.pbx, name, block)
        if signal is None:
            self._observer.unmapped(self.pbx, name.decode("ascii"))
            return False
        try:
            self._sink(signal)
        except Exception as error:  # noqa: BLE001 - no bad signal may stop the link
            self._observer.sink_failed(self.pbx, signal, error)
        if signal.__class__ is FullyBooted:
            self._booted(signal)
        return False

    def _booted(self, signal: FullyBooted) -> None:
        if not self.connected:  # an Asterisk that we reached while it started broadcasts this
            self.connected = True
            self._backoff.reset()
            self._observer.connected(self.pbx, signal.uptime_s)

    def _skipped(self, messages: int) -> None:
        self._observer.oversized(self.pbx, messages)

    def _broken(self, rejoined: int, lost: int) -> None:
        self._observer.broken(self.pbx, rejoined, lost)

    def _down(self) -> None:
        self._heard_s = self.heard_s
        self.connected = False

    def _fell(self, lost: asyncio.Future[str]) -> None:
        self._down()
        self._actions.fail(LinkError(f"{self.settings}: {lost.result()}"))
