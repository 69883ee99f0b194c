"""The reports of an AGI server, recorded for a test to inspect."""

from __future__ import annotations

import asyncio
from collections import Counter

from pbxbilling.agi.sessions.session import Ending
from pbxbilling.calls.admission.hook import HookRequest
from rig.waiting import patience_s


class AgiReports:
    """Counts ended sessions, records the rest, and lets a test wait for the next end."""

    def __init__(self) -> None:
        self.endings: Counter[Ending] = Counter()
        self.seconds: list[float] = []
        self.failures: list[Exception] = []
        self.rejected: list[int] = []
        self.strangers: list[tuple[Ending, str]] = []
        self._changed = asyncio.Event()

    def session_ended(self, ending: Ending, seconds: float) -> None:
        self.endings[ending] += 1
        self.seconds.append(seconds)
        self._changed.set()

    def judge_failed(self, request: HookRequest, error: Exception) -> None:
        self.failures.append(error)

    def command_rejected(self, code: int) -> None:
        self.rejected.append(code)
        self._changed.set()

    def stranger(self, ending: Ending, peer: str) -> None:
        self.strangers.append((ending, peer))

    async def until_ended(self, count: int) -> None:
        """Wait until so many sessions have ended."""
        async with asyncio.timeout(patience_s(10)):
            while self.endings.total() < count:
                self._changed.clear()
                await self._changed.wait()

    async def until_rejected(self) -> None:
        """Wait until Asterisk has rejected a command."""
        async with asyncio.timeout(patience_s(10)):
            while not self.rejected:
                self._changed.clear()
                await self._changed.wait()
