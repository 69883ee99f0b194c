"""Invoice usage at the gateway: exactly one invoice for each final statement.

It applies to tenants with `charges = "invoice_items"`. Their invoices are created, finalized and
sent; each step can be repeated, and an interrupted run continues where it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.records import SavedStatement
from pbxbilling.billing.statements.document import statement_from
from pbxbilling.billing.statements.statement import Statement
from pbxbilling.kernel.errors import GatewayError, RejectedError, StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.money import from_minor
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.text import in_words
from pbxbilling.payments.facts import InvoiceIssued
from pbxbilling.payments.ports import (
    INVOICES,
    InvoiceRuns,
    Invoices,
    InvoiceStore,
    InvoiceTransaction,
)
from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.payments.usage_invoice import UsageInvoice, usage_invoice
from pbxbilling.runtime.waiting import Event, Lock, pause
from pbxbilling.subscriptions.facts import PaymentAlert

LOOK_S = 600.0
_INSTANT = timedelta(microseconds=1)


class UsageInvoicing:
    """Issues the invoices of final statements; its sink wakes it when a new one is saved."""

    def __init__(
        self,
        invoices: Invoices,
        statement_store: StatementStore,
        runs: InvoiceRuns,
        store: InvoiceStore,
        registry: Registry,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._invoices = invoices
        self._statement_store = statement_store
        self._runs = runs
        self._store = store
        self._registry = registry
        self._clock = clock
        self._emit = emit
        self._soon = Event()
        self._alone = Lock()
        self._reported = ""

    def sink(self, fact: Fact) -> None:
        """Wake `run` when a final statement was saved."""
        if isinstance(fact, StatementSaved) and not fact.number:
            self._soon.set()

    async def run(self) -> None:
        """Issue due invoices for ever."""
        while True:
            self._soon.clear()
            try:
                await self.issue()
            except (GatewayError, StoreError) as fault:
                self._alert(self._invoices.name, f"invoices of usage are delayed: {fault}")
            await pause(LOOK_S, self._soon)

    async def issue(self, month: str | None = None) -> list[InvoiceRun]:
        """Issue what is not issued yet; return the run of every invoice, by tenant and month.

        None is every month. Raises GatewayError, StoreError; what was done until then stays.
        """
        async with self._alone:
            return [run async for run in self._each(month)]

    async def _each(self, month: str | None) -> AsyncIterator[InvoiceRun]:
        known = {(run.tenant, run.month): run for run in await self._runs.runs(month)}
        for _, tenant in sorted(self._registry.tenants.items()):
            if tenant.demo or not _may_have_items(tenant):
                continue
            statements = await self._statement_store.statements(
                tenant=tenant.slug, month=month, documents=False
            )
            for saved in statements:
                if saved.is_final and _has_items(tenant, saved):
                    run = known.get((saved.tenant, saved.month))
                    if run is None or run.state is RunState.BEGUN:
                        run = await self._tried(tenant, saved, run)
                    if run is not None:
                        yield run

    async def _tried(
        self, tenant: Tenant, saved: SavedStatement, run: InvoiceRun | None
    ) -> InvoiceRun | None:
        """Return the advanced run, or the run unchanged if that failed: other invoices go on."""
        try:
            return await self._advance(tenant, saved, run)
        except (GatewayError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - one statement must not delay the others
            note = f"usage of {saved.month} is not invoiced: {in_words(error)}"
            self._alert(f"tenant {tenant.slug}", note)
            return run

    async def _advance(
        self, tenant: Tenant, saved: SavedStatement, run: InvoiceRun | None
    ) -> InvoiceRun:
        begun = run or InvoiceRun(saved.tenant, saved.month, RunState.BEGUN, self._clock.now())
        if tenant.usage_collection.at(saved.ends - _INSTANT) is not CollectionMethod.INVOICE_ITEMS:
            return await self._hold(
                begun, "the way of charging its usage changed during the period"
            )
        if tenant.customer is None:
            return replace(begun, note=f"its tenant is not a customer at {self._invoices.name} yet")
        order = usage_invoice(
            await self._document(saved), tenant.customer, subscribed=tenant.subscription is not None
        )
        begun = replace(begun, total=order.total, currency=order.currency)
        if not order.lines:
            return await self._save(replace(begun, state=RunState.NOTHING))
        begun = await self._save(begun)
        if begun.state is not RunState.BEGUN:
            return begun
        try:
            return await self._issued(order, begun)
        except RejectedError as fault:
            return await self._hold(begun, str(fault))

    async def _document(self, saved: SavedStatement) -> Statement:
        """Return the statement; it is read only to be issued, as the store holds years of them."""
        kept = await self._statement_store.statements(tenant=saved.tenant, month=saved.month)
        (final,) = (one for one in kept if one.is_final)
        return statement_from(final.document)

    async def _issued(self, order: UsageInvoice, run: InvoiceRun) -> InvoiceRun:
        invoice = await self._invoices.find(order) or await self._invoices.create(order)
        if invoice.draft:
            for line in order.lines:
                if line.key not in invoice.lines:
                    await self._invoices.add(order, invoice.id, line)
            invoice = await self._invoices.invoice(order, invoice.id)
        if not invoice.agrees:
            ours = f"{from_minor(order.total, order.currency)} {order.currency}"
            note = f"invoice {invoice.id} has total {invoice.total}, the statement {ours}"
            return await self._hold(replace(run, invoice=invoice.id), note)
        if invoice.draft:
            await self._invoices.finalize(order, invoice.id)
        await self._invoices.send(order, invoice.id)
        run = replace(run, state=RunState.ISSUED, invoice=invoice.id)
        issued = InvoiceIssued(
            self._clock.now(), run.tenant, run.month, run.invoice, run.total, run.currency
        )
        return await self._save(run, issued)

    async def _hold(self, run: InvoiceRun, note: str) -> InvoiceRun:
        alert = self._new_alert(
            f"tenant {run.tenant}", f"usage of {run.month} is not invoiced: {note}"
        )
        return await self._save(replace(run, state=RunState.HELD, note=note), *alert)

    async def _save(self, run: InvoiceRun, *facts: Fact) -> InvoiceRun:
        """Save a run, and return it; one that another process has finished stays, and is returned.

        Nobody begins it again, and its invoice is announced once.
        """

        async def work(transaction: InvoiceTransaction) -> InvoiceRun:
            kept = await transaction.invoice_runs.run(run.tenant, run.month)
            if kept is not None and kept.state is not RunState.BEGUN:
                return kept
            await transaction.write([run], facts)
            return run

        saved = await self._store.transact(INVOICES, work)
        if saved is run:
            for fact in facts:
                self._emit(fact)
        return saved

    def _alert(self, subject: str, note: str) -> None:
        for alert in self._new_alert(subject, note):
            self._emit(alert)

    def _new_alert(self, subject: str, note: str) -> Iterator[PaymentAlert]:
        """Yield an alert unless the last one had the same note: a repeated fault alerts once."""
        if note != self._reported:
            self._reported = note
            yield PaymentAlert(self._clock.now(), subject, note)


def _may_have_items(tenant: Tenant) -> bool:
    return CollectionMethod.INVOICE_ITEMS in (
        tenant.usage_collection.way,
        tenant.usage_collection.before,
    )


def _has_items(tenant: Tenant, saved: SavedStatement) -> bool:
    """Return whether a statement's period was charged by invoice items when it began."""
    return tenant.usage_collection.at(saved.begins) is CollectionMethod.INVOICE_ITEMS
