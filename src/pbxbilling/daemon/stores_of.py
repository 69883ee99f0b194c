"""The parts of the store as the daemon, and a command without one, are given them."""

from __future__ import annotations

from pbxbilling.daemon.stores import Stores
from pbxbilling.store.store import SqlStore


def stores_of(store: SqlStore) -> Stores:
    """Every part of an open database."""
    return Stores(
        records=store,
        cursors=store,
        accounts=store,
        calls=store,
        subscription_store=store.subscription_store,
        statement_store=store.statement_store,
        meters=store.meters,
        minutes=store.meters,
        invoice_runs=store.invoice_runs,
        retention_store=store.retention_store,
    )
