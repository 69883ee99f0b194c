"""Queries a PBX's manager in one short session; `judge` and `dialplan` evaluate the answers.

It needs only the rights of the shipped user and changes nothing: the right `reporting` covers
the dialplan, its globals and functions (main/manager.c, 16 to 22). It does not let us read
manager.conf: its settings are inferred from their effects on events and live channels.
What a PBX does not answer is None.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pbxbilling.ami.actions import ActionError, Answer
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.messages.protocol import fields_of
from pbxbilling.ami.rights import Action
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.calls.live.signals import FullyBooted, Reloaded, Shutdown, Signal
from pbxbilling.doctor import refused
from pbxbilling.kernel.ports import Clock

CONTEXT = "pbxbilling-admit"
GLOBALS = ("PBXBILLING_HOOK", "PBXBILLING_PBX", "PBXBILLING_HOOK2")
TOKEN = "PBXBILLING_TOKEN"  # noqa: S105 - the name of a global
LISTEN_S = 2.0  # how long to wait for a call's event

# Finds the subroutine's default for an empty PBXBILLING_HOOK in its own text.
_DEFAULT_HOOK = re.compile(r"\$\{PBXBILLING_HOOK\}\$\{IF\([^?]*\?:([^()]+)\)\}")
_NOT_FOUND = "Did not find "  # a context, or an extension of one
_NO_DEVICE = "INVALID"  # DEVICE_STATE of a device that no channel driver knows


@dataclass(frozen=True, slots=True)
class PbxReport:
    """A PBX's answers in one session; None where it gave none."""

    version: str | None = None
    actions: frozenset[str] | None = None  # those that our user may use
    channels: tuple[str, ...] | None = None  # complete rows of CoreShowChannels
    changed: bool = False  # channels came or went between two such lists
    stamped: bool | None = None  # whether a call's event had a Timestamp; None: no event came
    ahead_s: float | None = None  # by how much its clock is ahead of ours
    endpoints: tuple[str, ...] | None = None  # as in channel names: PJSIP/carrier
    trunks: Mapping[str, bool | None] = field(default_factory=dict)  # which of ours exist
    subroutine: bool | None = None
    default_hook: str = ""  # the subroutine's hook address when PBXBILLING_HOOK is empty
    globals: tuple[str | None, ...] = (None,) * len(GLOBALS)
    token: str | None = field(default=None, repr=False)  # PBXBILLING_TOKEN, which is not printed
    sends_token: bool = False  # whether the subroutine knows PBXBILLING_TOKEN
    refused: Mapping[str, str] = field(default_factory=dict)  # the PBXBILLING_REFUSED… with a value
    places: Mapping[str, bool | None] = field(default_factory=dict)  # which of their places exist
    knows_refused: bool = False  # whether the subroutine knows PBXBILLING_REFUSED
    processed: str | None = None  # calls since it started; Asterisk 16 does not report them


class UnreachableError(Exception):
    """No session with this PBX is possible; `refused` if the manager rejected the login."""

    def __init__(self, reason: str, *, refused: bool) -> None:
        super().__init__(reason)
        self.refused = refused


class _FirstAttempt:
    """Sink and observer of a link: records its first attempt, and whether events are stamped."""

    def __init__(self) -> None:
        self.made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stamped: bool | None = None
        self._heard = asyncio.Event()

    async def heard(self, limit_s: float) -> None:
        """Wait for a call's event, up to `limit_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._heard.wait()

    def take(self, signal: Signal) -> None:
        """Note whether a call's event has a stamp; FullyBooted of a login never has one."""
        if not isinstance(signal, FullyBooted | Shutdown | Reloaded):
            self.stamped = signal.at is not None
            self._heard.set()

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        """Note that the login succeeded."""
        del pbx, uptime_s
        if not self.made.done():
            self.made.set_result(None)

    def disconnected(self, pbx: str, reason: str) -> None:
        """Note that there is no link."""
        del pbx
        self._fail(UnreachableError(reason, refused=False))

    def login_failed(self, pbx: str, message: str) -> None:
        """Note that the manager refused the login."""
        del pbx
        self._fail(UnreachableError(message, refused=True))

    def clock_reported(self, pbx: str, at: datetime) -> None:
        """Ignore the PBX's time: `ahead_s` measures it."""

    def unmapped(self, pbx: str, event: str) -> None:
        """Ignore these; only the daemon counts them."""

    def oversized(self, pbx: str, messages: int) -> None:
        """Ignore these, as `unmapped` does."""

    def broken(self, pbx: str, rejoined: int, lost: int) -> None:
        """Ignore these, as `unmapped` does."""

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """Do nothing: `take` never raises."""

    def _fail(self, error: UnreachableError) -> None:
        if not self.made.done():
            self.made.set_exception(error)


async def interview(
    settings: LinkSettings, trunks: Sequence[str], clock: Clock, listen_s: float = LISTEN_S
) -> PbxReport:
    """Log in once and send every query at once. Raises UnreachableError where no login is possible.

    If no call's event arrives meanwhile, it listens for `listen_s`.
    """
    async with _session(settings, clock) as (link, first):
        questions = _Questions(link, clock)
        async with asyncio.TaskGroup() as tasks:
            core = tasks.create_task(questions.fields("CoreSettings"))
            status = tasks.create_task(questions.fields("CoreStatus"))
            actions = tasks.create_task(questions.fields("ListCommands"))
            channels = tasks.create_task(questions.rows("CoreShowChannels"))
            ahead = tasks.create_task(questions.ahead_s())
            endpoints = tasks.create_task(questions.endpoints())
            subroutine = tasks.create_task(questions.dialplan(CONTEXT))
            existing = tasks.create_task(questions.existing(trunks))
            values = [tasks.create_task(questions.value(name)) for name in GLOBALS]
            token = tasks.create_task(questions.value(TOKEN))
            places = tasks.create_task(questions.refused_places())
        await first.heard(listen_s / 2)
        steps, (named, existing_places) = subroutine.result(), places.result()
        before, after = channels.result(), await questions.rows("CoreShowChannels")
        await first.heard(listen_s / 2)
        return PbxReport(
            version=(core.result() or {}).get("AsteriskVersion"),
            actions=frozenset(actions.result() or ()) or None,
            channels=before or after,
            changed=None not in {before, after} and _uniqueids(before) != _uniqueids(after),
            stamped=first.stamped,
            ahead_s=ahead.result(),
            endpoints=endpoints.result(),
            trunks=existing.result(),
            subroutine=bool(steps) if steps is not None else None,
            default_hook=default_hook(steps or ()),
            globals=tuple(value.result() for value in values),
            token=token.result(),
            sends_token=any(TOKEN in step for step in steps or ()),
            refused=named,
            places=existing_places,
            knows_refused=any(refused.REFUSED in step for step in steps or ()),
            processed=(status.result() or {}).get("CoreProcessedCalls"),
        )


@asynccontextmanager
async def _session(
    settings: LinkSettings, clock: Clock
) -> AsyncIterator[tuple[AmiLink, _FirstAttempt]]:
    first = _FirstAttempt()
    link = AmiLink(settings, first.take, first, clock, random.Random())  # noqa: S311 - only for pauses
    running = asyncio.create_task(link.run(), name=f"doctor {settings.pbx}")
    try:
        await first.made
        yield link, first
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class _Questions:
    """Single queries over a link; each is limited in time, and returns None without an answer."""

    def __init__(self, link: AmiLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock

    async def _ask(
        self, action: Action, *fields: tuple[str, str], rows: list[str] | None = None
    ) -> Answer | None:
        try:
            return await self._link.ask(action, fields, rows.append if rows is not None else None)
        except ActionError:
            return None

    async def fields(self, action: Action, *given: tuple[str, str]) -> dict[str, str] | None:
        answer = await self._ask(action, *given)
        return answer.fields if answer is not None and answer.good else None

    async def rows(self, action: Action, *given: tuple[str, str]) -> tuple[str, ...] | None:
        rows: list[str] = []
        answer = await self._ask(action, *given, rows=rows)
        return tuple(rows) if answer is not None and answer.good else None

    async def ahead_s(self) -> float | None:
        sent_at, sent_s = self._clock.now(), self._clock.monotonic()
        answer = await self.fields("Ping")
        halfway_s = (self._clock.monotonic() - sent_s) / 2
        at = _instant((answer or {}).get("Timestamp", ""))
        if at is None:
            return None
        return (at - sent_at - timedelta(seconds=halfway_s)).total_seconds()

    async def endpoints(self) -> tuple[str, ...] | None:
        """Return the PJSIP endpoints with a known state: those of a realtime database have none."""
        rows = await self.rows("DeviceStateList")
        if rows is None:
            return None
        devices = {fields_of(row).get("Device", "") for row in rows}
        return tuple(sorted(device for device in devices if device.startswith("PJSIP/")))

    async def existing(self, trunks: Sequence[str]) -> dict[str, bool | None]:
        """Return which of the PJSIP trunks exist as endpoints; patterns are left out."""
        named = [t for t in trunks if t.startswith("PJSIP/") and not is_pattern(t)]
        return {trunk: await self._exists(trunk) for trunk in named}

    async def _exists(self, trunk: str) -> bool | None:
        """Return whether an endpoint exists, by its device state or, failing that, its settings."""
        state = await self.value(f"DEVICE_STATE({trunk})")
        if state:
            return state != _NO_DEVICE
        endpoint = trunk.partition("/")[2]
        return True if await self.value(f"PJSIP_ENDPOINT({endpoint},context)") else None

    async def dialplan(self, context: str) -> tuple[str, ...] | None:
        """Return the arguments of a context's steps; empty where there is no such context."""
        rows = await self._steps(("Context", context))
        return None if rows is None else tuple(fields_of(row).get("AppData", "") for row in rows)

    async def _steps(self, *which: tuple[str, str]) -> list[str] | None:
        """Return the rows of a context or extension; empty where there is none."""
        rows: list[str] = []
        answer = await self._ask("ShowDialPlan", *which, rows=rows)
        if answer is None or not (answer.good or answer.message.startswith(_NOT_FOUND)):
            return None
        return rows

    async def refused_places(self) -> tuple[dict[str, str], dict[str, bool | None]]:
        """Return the PBXBILLING_REFUSED… that have a value, and whether each place exists."""
        values = await asyncio.gather(*(self.value(name) for name in refused.GLOBALS))
        named = {name: v for name, v in zip(refused.GLOBALS, values, strict=True) if v}
        return named, {value: await self._has_place(value) for value in set(named.values())}

    async def _has_place(self, value: str) -> bool | None:
        place = refused.Place.parse(value)
        if place is None:
            return False
        rows = await self._steps(("Context", place.context), ("Extension", place.exten))
        return None if rows is None else place.among(rows)

    async def value(self, variable: str) -> str | None:
        """Return the value of a global or function; empty also where none has that name."""
        fields = await self.fields("Getvar", ("Variable", variable))
        return fields.get("Value", "") if fields is not None else None


def is_pattern(trunk: str) -> bool:
    """Return whether an entry of `trunks` can match several endpoints."""
    return any(mark in trunk for mark in "*?[")


def default_hook(steps: Iterable[str]) -> str:
    """Return where these steps send hooks when PBXBILLING_HOOK is empty; "": nowhere."""
    found = next(filter(None, map(_DEFAULT_HOOK.search, steps)), None)
    return found[1] if found else ""


def _uniqueids(rows: Iterable[str] | None) -> set[str]:
    return {fields_of(row).get("Uniqueid", "") for row in rows or ()}


def _instant(stamp: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        return None
