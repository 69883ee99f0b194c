"""The `UsageMeter` port in memory: an identifier counts once within a day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from pbxbilling.calls.metering.usage_event import (
    MeterBacklog,
    MeterEvent,
    MeterReport,
    UsageEventState,
)
from pbxbilling.kernel.errors import GatewayError, RejectedError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.payments.ports import MeterLimits

A_DAY = timedelta(hours=24)
LIMITS = MeterLimits(ahead=timedelta(minutes=5), known_again=A_DAY, oldest=timedelta(days=35))


class Taken(NamedTuple):
    """An event as the gateway stores it."""

    at: datetime
    leg: str
    customer: str
    minutes: int
    ended_at: datetime


class MemoryMeter:
    """`away`: nothing arrives; `answers_lost`: all arrives, but no answer returns."""

    name = STRIPE
    limits = LIMITS

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.taken: list[Taken] = []
        self.away = False
        self.answers_lost = False
        self.asked = 0
        self.refused: set[str] = set()
        self.reports: dict[str, MeterReport] = {}

    @property
    def legs(self) -> list[str]:
        return [one.leg for one in self.taken]

    async def send(self, event: MeterEvent, customer: str) -> None:
        self._answer()
        await asyncio.sleep(0)
        if event.leg in self.refused:
            raise RejectedError("Stripe says: no", away=False)
        now = self._now()
        if not any(one.leg == event.leg and now - one.at < A_DAY for one in self.taken):
            self.taken.append(Taken(now, event.leg, customer, event.minutes, event.ended_at))
        if self.answers_lost:
            raise GatewayError("Stripe did not answer", away=True)

    async def minutes(self, customer: str, begins: datetime, ends: datetime) -> int:
        self._answer()
        return sum(
            one.minutes
            for one in self.taken
            if one.customer == customer and begins <= one.ended_at < ends
        )

    async def report(self, ident: str) -> MeterReport:
        self._answer()
        return self.reports[ident]

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise GatewayError("Stripe cannot be reached", away=True)


class NoEvents:
    """The `MeterOutbox` port without any event."""

    async def due(self, until: datetime, settled: datetime, limit: int) -> list[MeterEvent]:
        return []

    async def event(self, leg: str) -> MeterEvent | None:
        return None

    async def of_legs(self, legs: Collection[str]) -> list[MeterEvent]:
        return []

    async def events(
        self, *states: UsageEventState, tenant: str | None = None, limit: int = 1000
    ) -> list[MeterEvent]:
        return []

    async def tried(self, customer: str, begins: datetime, ends: datetime) -> list[MeterEvent]:
        return []

    async def differing(self, limit: int) -> list[MeterEvent]:
        return []

    async def parked(self) -> list[str]:
        return []

    async def backlog(self) -> MeterBacklog:
        return MeterBacklog({}, None)
