"""All that one store keeps, handed on as one."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.ports.accounts import AccountStore
from pbxbilling.ports.billing import Bills
from pbxbilling.ports.calls import CallStore
from pbxbilling.ports.core import Cursors, RecordStore
from pbxbilling.ports.payments import InvoiceRuns, MeteredMinutes, MeterOutbox
from pbxbilling.ports.privacy import Holdings
from pbxbilling.ports.subscriptions import Mirrors


@dataclass(frozen=True, slots=True)
class Stores:
    """Each part by its port; `records` commits what belongs to any of them."""

    records: RecordStore
    cursors: Cursors
    accounts: AccountStore
    calls: CallStore
    mirrors: Mirrors
    bills: Bills
    meters: MeterOutbox
    minutes: MeteredMinutes
    invoice_runs: InvoiceRuns
    holdings: Holdings
