"""The daemon's services on one database, once or twice, with a gateway in memory for both.

Two of them know nothing of each other: each has its own registry, locks and connections, as two
processes do. The first write of each waits for the other's, so that both have decided by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Self, TypeVar

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.count_units import UnitCounter
from pbxbilling.daemon.payments import wire_flows, wire_usage
from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.records import Record
from pbxbilling.payments.ports import IssuedInvoice, PaymentGateway
from pbxbilling.payments.usage_invoice import InvoiceLine, UsageInvoice
from pbxbilling.privacy.retention import Retention
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.store.transaction import SqlTransaction
from pbxbilling.web.api.services import PaymentServices
from pbxbilling.wiring.services import Ground, wire_services
from pbxbilling.wiring.stores import stores_of
from tests.support.kernel.clock import Clock
from tests.support.payments.memory_meter import MemoryMeter
from tests.support.store.database import create
from tests.support.subscriptions.memory_checkout import MemoryCheckout
from tests.support.subscriptions.shop import PAGES
from tests.support.subscriptions.truth import Truth
from tests.support.web.api_client import ApiClient

T = TypeVar("T")


class MemoryInvoices:
    """The `Invoices` port in memory: a month's invoice is created once, and a line added once."""

    name = STRIPE

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], IssuedInvoice] = {}

    async def find(self, order: UsageInvoice) -> IssuedInvoice | None:
        await asyncio.sleep(0)
        return self.made.get((order.tenant, order.month))

    async def create(self, order: UsageInvoice) -> IssuedInvoice:
        await asyncio.sleep(0)
        draft = IssuedInvoice(f"in_{len(self.made) + 1}", True, "", True, ())
        return self.made.setdefault((order.tenant, order.month), draft)

    async def add(self, order: UsageInvoice, invoice: str, line: InvoiceLine) -> None:
        del invoice
        await asyncio.sleep(0)
        known = self.made[order.tenant, order.month]
        lines = [*dict.fromkeys([*known.lines, line.key])]
        self.made[order.tenant, order.month] = known._replace(lines=lines)

    async def invoice(self, order: UsageInvoice, ident: str) -> IssuedInvoice:
        del ident
        return self.made[order.tenant, order.month]

    async def finalize(self, order: UsageInvoice, ident: str) -> None:
        del ident
        known = self.made[order.tenant, order.month]
        self.made[order.tenant, order.month] = known._replace(draft=False)

    async def send(self, order: UsageInvoice, ident: str) -> None:
        """Mail it: the gateway mails an invoice once."""


class Outside:
    """All that is outside of the daemon: the clock, and the gateway."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.truth = Truth()
        self.checkout = MemoryCheckout(self.clock)
        self.meter = MemoryMeter(self.clock.now)
        self.invoices = MemoryInvoices()

    def gateway(self) -> PaymentGateway:
        reader = StripeWebhooks((), self.clock)
        return PaymentGateway(
            self.truth, reader, self.checkout, self.meter, self.invoices, _nothing
        )


class Meeting:
    """Those who come wait for the other, unless it has gone home by then.

    `in_turn`: the second one waits until the first has gone home.
    """

    def __init__(self, *, in_turn: bool) -> None:
        self._in_turn = in_turn
        self._here = (asyncio.Event(), asyncio.Event())
        self._gone = (asyncio.Event(), asyncio.Event())

    async def come(self, nth: int) -> None:
        self._here[nth].set()
        await (self._gone if nth and self._in_turn else self._here)[1 - nth].wait()

    def leave(self, nth: int) -> None:
        self._here[nth].set()
        self._gone[nth].set()


class MeetingStore(SqlStore):
    """A store whose next write waits at a meeting."""

    met: Callable[[], Awaitable[None]] | None = None

    async def transact(self, key: str | None, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        await self._meet()
        return await super().transact(key, work)

    async def commit(
        self, records: Sequence[Record], facts: Sequence[Fact] = (), number: int | None = None
    ) -> None:
        await self._meet()
        await super().commit(records, facts, number)

    async def _meet(self) -> None:
        met, self.met = self.met, None
        if met is not None:
            await met()


class Wired:
    """One set of services, as the daemon wires them."""

    def __init__(self, store: MeetingStore, registry: Registry, outside: Outside) -> None:
        self.store, self.outside = store, outside
        self.facts: list[Fact] = []
        in_force = InForce(Policy(mode=Mode.ENFORCE), registry)
        self.ground = Ground.of(stores_of(store), in_force, outside.clock, self.facts.append)
        gateway = outside.gateway()
        self.usage = wire_usage(self.ground, gateway, dict)
        self.flows = wire_flows(self.ground, gateway, PAGES, self.usage, lambda _slug: 0)
        self.units = UnitCounter(store.statement_store, self.ground.accounts, outside.clock)
        payments = PaymentServices(
            self.flows.checkout,
            self.flows.subscriptions,
            store.subscription_store,
            self.usage.events,
            self.flows.adoption,
            self.usage.invoicing.issue,
        )
        self.services = wire_services(self.ground, Retention(), None, payments)
        self.api = ApiClient(self.services)

    @classmethod
    async def on(cls, place: DatabaseUrl, outside: Outside, held: AsyncExitStack) -> Self:
        store = await held.enter_async_context(await MeetingStore.open(database_at(place)))
        kept = await store.accounts()
        return cls(store, Registry(kept.plans, kept.tenants, kept.version), outside)

    def tenants(self, *slugs: str) -> list[Tenant]:
        """Return tenants as they are in force here."""
        return [self.ground.in_force.registry.tenants[slug] for slug in slugs]

    async def passes(self, *, days: int) -> None:
        """Let time pass for all."""
        self.outside.clock.passed_s += days * 86_400


Act = Callable[[Wired], Awaitable[Any]]


class Both:
    """Two who act at once: two clients of one daemon, or two services without a book."""

    def __init__(self, first: Wired, second: Wired) -> None:
        self.first, self.second = first, second

    @property
    def facts(self) -> Sequence[Fact]:
        if self.first is self.second:
            return self.first.facts
        return [*self.first.facts, *self.second.facts]

    async def act(self, *acts: Act, in_turn: bool = False) -> list[Any]:
        """Let both act at once; return their results, or what they raised.

        `in_turn`: the second one has decided before the first writes, and writes after its end.
        """
        if self.first is self.second:
            working = [act(self.first) for act in acts]
        else:
            meeting = Meeting(in_turn=in_turn)
            both = enumerate(zip((self.first, self.second), acts, strict=True))
            working = [_met(meeting, nth, *one) for nth, one in both]
        return await asyncio.gather(*working, return_exceptions=True)


async def _met(meeting: Meeting, nth: int, wired: Wired, act: Act) -> Any:
    wired.store.met = partial(meeting.come, nth)
    try:
        return await act(wired)
    finally:
        meeting.leave(nth)


@asynccontextmanager
async def two(
    place: DatabaseUrl, ready: Callable[[Wired], Awaitable[None]], *, one_daemon: bool
) -> AsyncIterator[Both]:
    """Prepare a database, and give two who act on it at once."""
    create(place)
    outside = Outside()
    async with AsyncExitStack() as held:
        first = await Wired.on(place, outside, held)
        await ready(first)
        second = first if one_daemon else await Wired.on(place, outside, held)
        first.facts.clear()
        yield Both(first, second)


async def _nothing() -> None:
    """Close nothing."""
