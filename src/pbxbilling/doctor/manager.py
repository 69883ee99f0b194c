"""One short session with a PBX's manager: everything it is asked, and nothing judged yet.

All of it needs no more than the rights of the shipped user and changes nothing: `write = system`
lets it read manager.conf, `reporting` the dialplan and its globals (main/manager.c, 16 to 22).
What a PBX does not tell is None.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbxbilling.ami.actions import ActionError, Answer
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.protocol import fields_of
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.domain.signals import FullyBooted, Reloaded, Shutdown, Signal
from pbxbilling.ports import Clock

CONTEXT = "pbxbilling-admit"
GLOBALS = ("PBXBILLING_HOOK", "PBXBILLING_PBX")

_LINE = re.compile(r"Line-\d+-\d+: ([^=\r\n]+)=(.*)")
_NO_ENDPOINTS = "No endpoints found"

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a PBX told of itself; None where it did not."""

    version: str | None = None
    actions: frozenset[str] | None = None  # those that our user may ask for
    general: Pairs | None = None  # [general] of manager.conf
    user: Pairs | None = None  # our user's section of it, without the secret
    channels: tuple[str, ...] | None = None  # rows of CoreShowChannels, whole
    stamped: bool | None = None  # whether an event that went by had a Timestamp
    ahead_s: float | None = None  # its clock before ours
    endpoints: tuple[str, ...] | None = None  # as channels are named: PJSIP/carrier
    subroutine: bool | None = None
    globals: tuple[str | None, ...] = (None,) * len(GLOBALS)
    processed: str | None = None  # calls since it started; 16 does not say


class UnreachableError(Exception):
    """There is no session with this PBX; `refused` where the manager itself said no."""

    def __init__(self, reason: str, *, refused: bool) -> None:
        super().__init__(reason)
        self.refused = refused


class _FirstAttempt:
    """Sink and observer of a link: how its first attempt went, and whether events are stamped."""

    def __init__(self) -> None:
        self.made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stamped: bool | None = None

    def take(self, signal: Signal) -> None:
        """An event that goes by. FullyBooted of a login has no stamp in any case."""
        if not isinstance(signal, FullyBooted | Shutdown | Reloaded):
            self.stamped = signal.at is not None

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        """Logged in."""
        del pbx, uptime_s
        if not self.made.done():
            self.made.set_result(None)

    def disconnected(self, pbx: str, reason: str) -> None:
        """No link."""
        del pbx
        self._fail(UnreachableError(reason, refused=False))

    def login_failed(self, pbx: str, message: str) -> None:
        """The manager refuses us."""
        del pbx
        self._fail(UnreachableError(message, refused=True))

    def clock_told(self, pbx: str, at: datetime) -> None:
        """Nobody asks twice."""

    def unmapped(self, pbx: str, event: str) -> None:
        """The daemon counts those; they are not looked at here."""

    def oversized(self, pbx: str, messages: int) -> None:
        """As `unmapped`."""

    def broken(self, pbx: str, mended: int, lost: int) -> None:
        """As `unmapped`."""

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """`take` raises nothing."""

    def _fail(self, error: UnreachableError) -> None:
        if not self.made.done():
            self.made.set_exception(error)


async def interview(settings: LinkSettings, clock: Clock) -> Said:
    """Log in once and ask everything at once; raises UnreachableError where there is no session."""
    async with _session(settings, clock) as (link, first):
        asked = _Questions(link, clock)
        async with asyncio.TaskGroup() as tasks:
            core = tasks.create_task(asked.fields("CoreSettings"))
            status = tasks.create_task(asked.fields("CoreStatus"))
            actions = tasks.create_task(asked.fields("ListCommands"))
            general = tasks.create_task(asked.section("general"))
            user = tasks.create_task(asked.section(settings.username))
            channels = tasks.create_task(asked.rows("CoreShowChannels"))
            ahead = tasks.create_task(asked.ahead_s())
            endpoints = tasks.create_task(asked.endpoints())
            subroutine = tasks.create_task(asked.has_context(CONTEXT))
            values = [tasks.create_task(asked.global_value(name)) for name in GLOBALS]
        return Said(
            version=(core.result() or {}).get("AsteriskVersion"),
            actions=frozenset(actions.result() or ()) or None,
            general=general.result(),
            user=user.result(),
            channels=channels.result(),
            stamped=first.stamped,
            ahead_s=ahead.result(),
            endpoints=endpoints.result(),
            subroutine=subroutine.result(),
            globals=tuple(value.result() for value in values),
            processed=(status.result() or {}).get("CoreProcessedCalls"),
        )


@asynccontextmanager
async def _session(
    settings: LinkSettings, clock: Clock
) -> AsyncIterator[tuple[AmiLink, _FirstAttempt]]:
    first = _FirstAttempt()
    link = AmiLink(settings, first.take, first, clock, random.Random())  # noqa: S311
    running = asyncio.create_task(link.run(), name=f"doctor {settings.pbx}")
    try:
        await first.made
        yield link, first
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class _Questions:
    """Single questions over a link; each ends in time, and None is: it did not tell."""

    def __init__(self, link: AmiLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock

    async def _ask(
        self, action: str, *fields: tuple[str, str], rows: list[str] | None = None
    ) -> Answer | None:
        try:
            return await self._link.ask(action, fields, rows.append if rows is not None else None)
        except ActionError:
            return None

    async def fields(self, action: str, *given: tuple[str, str]) -> dict[str, str] | None:
        answer = await self._ask(action, *given)
        return answer.fields if answer is not None and answer.good else None

    async def rows(self, action: str) -> tuple[str, ...] | None:
        rows: list[str] = []
        answer = await self._ask(action, rows=rows)
        return tuple(rows) if answer is not None and answer.good else None

    async def section(self, category: str) -> Pairs | None:
        answer = await self._ask("GetConfig", ("Filename", "manager.conf"), ("Category", category))
        if answer is None or not answer.good:
            return None
        return section_of(answer.text)

    async def ahead_s(self) -> float | None:
        sent_at, sent_s = self._clock.now(), self._clock.monotonic()
        answer = await self.fields("Ping")
        halfway_s = (self._clock.monotonic() - sent_s) / 2
        at = _instant((answer or {}).get("Timestamp", ""))
        if at is None:
            return None
        return (at - sent_at - timedelta(seconds=halfway_s)).total_seconds()

    async def endpoints(self) -> tuple[str, ...] | None:
        rows: list[str] = []
        answer = await self._ask("PJSIPShowEndpoints", rows=rows)
        if answer is None or not (answer.good or answer.message == _NO_ENDPOINTS):
            return None
        return tuple(sorted(f"PJSIP/{fields_of(row).get('ObjectName', '')}" for row in rows))

    async def has_context(self, context: str) -> bool | None:
        answer = await self._ask("ShowDialPlan", ("Context", context), rows=[])
        if answer is None:
            return None
        if answer.good:
            return True
        return False if answer.message.startswith("Did not find context") else None

    async def global_value(self, name: str) -> str | None:
        fields = await self.fields("Getvar", ("Variable", name))
        return fields.get("Value", "") if fields is not None else None


def section_of(text: str) -> Pairs:
    """The settings in an answer to GetConfig, in their order; secrets are left out."""
    lines = (_LINE.fullmatch(line) for line in text.split("\r\n"))
    pairs = ((line[1].strip().lower(), line[2].strip()) for line in lines if line)
    return tuple((key, value) for key, value in pairs if key != "secret")


def last_of(pairs: Iterable[tuple[str, str]], key: str) -> str | None:
    """The value that counts where a key repeats: Asterisk takes the last."""
    found = [value for name, value in pairs if name == key]
    return found[-1] if found else None


def _instant(stamp: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        return None
