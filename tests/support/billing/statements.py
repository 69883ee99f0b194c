"""Statements over a store in memory, with a clock set by hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.rated_calls import RatedCalls
from pbxbilling.billing.records import SavedStatement
from pbxbilling.billing.report_units import UnitReports
from pbxbilling.billing.statements.close import CloseHere, Closer
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.billing.statements.lookup import StatementLookup
from pbxbilling.billing.statements.one_offs import OneOffs
from pbxbilling.billing.statements.plan_change import PlanChanges
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.usage import CallUsage
from pbxbilling.catalog.plan import Cycle, Plan
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock as ClockPort
from pbxbilling.payments.overview import Overview
from pbxbilling.runtime.background import at_once, no_rest
from pbxbilling.web.api.services import BillingServices
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import ended_leg

BASIC = Plan(
    "basic",
    name="Basic",
    included_minutes=2,
    currency="EUR",
    prices={Cycle.MONTH: 1000},
    overage_per_minute_micros=500_000,
)
PRO = replace(BASIC, slug="pro", name="Pro", prices={Cycle.MONTH: 4000}, included_minutes=10)
ACME = Tenant("acme", "basic", name="Acme Inc.")


def utc(text: str) -> datetime:
    """Parse an instant such as 2026-11-30T12:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Office:
    """One run of the daemon's billing; another run may begin on the same store."""

    def __init__(
        self,
        now: str,
        *tenants: Tenant,
        plans: tuple[Plan, ...] = (BASIC, PRO),
        store: MemoryStore | None = None,
    ) -> None:
        self.clock = Clock(utc(now))
        self.store = store or MemoryStore()
        self.facts: list[Fact] = []
        self.known: dict[str, datetime | None] = {}
        kept = self.store.tenants.values() if store is not None else ()
        self.registry = Registry(
            plans,
            {t.slug: t for t in (*(tenants or (ACME,)), *kept)}.values(),
            self.store.version,
        )
        self.writer = AccountWriter(
            self.store, self.registry, self.clock, self.tell, asyncio.Lock()
        )
        self.in_force = InForce(Policy(), self.registry)
        self.statements = Statements(
            self.store.statement_store,
            self.store.subscription_store,
            self.store,
            self.writer,
            self.in_force,
            self.clock,
        )
        self.closer = Closer(
            self.statements,
            CloseHere(self.statements),
            self.clock,
            self.tell,
            lambda: self.known,
            self.flushed,
            self.rested,
        )
        self.flushes = 0

    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.closer.sink(fact)

    async def flushed(self) -> None:
        self.flushes += 1

    async def rested(self) -> None:
        """Return at once: no other task waits for the loop."""

    async def at(self, now: str) -> None:
        """Set the clock to that moment and run the closer."""
        self.clock.move_to(utc(now))
        await self.closer.look()

    async def called(self, ended: str, minutes: float = 1, **changed: Any) -> LegRecord:
        """Put an ended leg of acme on record."""
        ended_at = utc(ended)
        talk_us = round(minutes * 60_000_000)
        fields: dict[str, Any] = {
            "key": ChannelKey("pbx1", f"1.{len(self.store.known_legs)}"),
            "call": None,
            "number": "4930123",
            "started_at": ended_at - timedelta(microseconds=talk_us, seconds=5),
            "answered_at": ended_at - timedelta(microseconds=talk_us),
            "ended_at": ended_at,
            "talk_us": talk_us,
            "month": f"{ended_at:%Y-%m}",
        }
        leg = ended_leg(**(fields | changed))
        await self.store.commit([leg])
        return leg

    @property
    def finals(self) -> list[SavedStatement]:
        return [one for _, one in sorted(self.store.statement_store.saved.items()) if one.is_final]

    def lines(self, saved: SavedStatement) -> dict[str, int]:
        """Return the amounts by key."""
        return {line["key"]: line["amount_minor"] for line in saved.document["lines"]}

    def facts_of(self, kind: type[Fact]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


def billing_desk(store: MemoryStore, writer: AccountWriter, clock: ClockPort) -> BillingServices:
    """Return the services behind the commands about statements."""
    in_force = InForce(Policy(), writer.registry)
    statements = Statements(
        store.statement_store, store.subscription_store, store, writer, in_force, clock
    )
    return BillingServices(
        statements,
        StatementLookup(statements, store, store.statement_store),
        RatedCalls(statements, store, store.statement_store, at_once),
        Overview(
            store.subscription_store,
            statements,
            CallUsage(store, writer, clock, in_force, None, no_rest),
        ),
        OneOffs(statements, store.statement_store, writer, clock),
        PlanChanges(statements, store.statement_store, writer, clock),
        UnitReports(store.statement_store, writer.registry, clock),
    )
