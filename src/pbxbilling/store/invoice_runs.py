"""Implements the `InvoiceRuns` port on an SQL database, and maps its rows."""

from __future__ import annotations

from sqlalchemy import select

from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.runtime.flat import word
from pbxbilling.store import schema
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, TEXT

RUN = TableRows(
    InvoiceRun, schema.invoice_run, {"state": word(RunState), "at": INSTANT, "note": TEXT}
)


class SqlInvoiceRuns:
    """Reads the runs that issued usage invoices."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def runs(self, month: str | None = None) -> list[InvoiceRun]:
        """Return the runs, ordered by tenant and month; None: no filter."""
        table = schema.invoice_run
        query = select(table).order_by(table.c.tenant, table.c.month)
        if month is not None:
            query = query.where(table.c.month == month)
        return await self._reads.many(query, RUN.record)

    async def run(self, tenant: str, month: str) -> InvoiceRun | None:
        """Return the run of a tenant's period; None if it has not begun."""
        row = schema.invoice_run.c
        query = select(schema.invoice_run).where(row.tenant == tenant, row.month == month)
        return await self._reads.one(query, RUN.record)
