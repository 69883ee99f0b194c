"""Bundles the ports that one store implements."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.accounts.ports import AccountStore
from pbxbilling.billing.ports import StatementStore
from pbxbilling.calls.ports import CallStore
from pbxbilling.identity.ports import IdentityRecords, IdentityStore
from pbxbilling.kernel.ports import Cursors, RecordStore
from pbxbilling.payments.ports import (
    InvoiceRuns,
    InvoiceStore,
    MeteredMinutes,
    MeterOutbox,
    MeterStore,
)
from pbxbilling.privacy.ports import RetentionStore
from pbxbilling.store.store import SqlStore
from pbxbilling.subscriptions.ports import SubscriptionStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The parts of a store, each by its port; `records` commits records of any of them."""

    records: RecordStore
    cursors: Cursors
    accounts: AccountStore
    calls: CallStore
    subscription_store: SubscriptionStore
    statement_store: StatementStore
    meters: MeterOutbox
    minutes: MeteredMinutes
    invoice_runs: InvoiceRuns
    metered: MeterStore
    invoiced: InvoiceStore
    retention_store: RetentionStore
    identity_store: IdentityStore
    identities: IdentityRecords


def stores_of(store: SqlStore) -> Stores:
    """Return the parts of an open database."""
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
        metered=store,
        invoiced=store,
        retention_store=store.retention_store,
        identity_store=store.identity_store,
        identities=store,
    )
