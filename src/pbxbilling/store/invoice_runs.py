"""Implements the `InvoiceRuns` port on an SQL database, and maps its rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.store import schema
from pbxbilling.store.reads import Reads
from pbxbilling.store.rows.values import Values, instant, storable, to_us


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
        return await self._reads.many(query, run_record)


def run_values(record: InvoiceRun) -> Values:
    """Build the row of a run."""
    return {
        "tenant": record.tenant,
        "month": record.month,
        "state": record.state.value,
        "at": to_us(record.at),
        "invoice": record.invoice,
        "total": record.total,
        "currency": record.currency,
        "note": storable(record.note),
    }


def run_record(row: Row[Any]) -> InvoiceRun:
    """Build a run from its row."""
    return InvoiceRun(
        tenant=row.tenant,
        month=row.month,
        state=RunState(row.state),
        at=instant(row.at),
        invoice=row.invoice,
        total=row.total,
        currency=row.currency,
        note=row.note,
    )
