"""The stored state of usage invoices: how far the invoice of each period has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.records import Record


class RunState(StrEnum):
    """The state of an invoice run."""

    BEGUN = "begun"
    ISSUED = "issued"  # finalized and sent
    NOTHING = "nothing"  # no line of the statement is to be invoiced
    HELD = "held"  # an operator has to look at it: `note` says why


@dataclass(frozen=True, slots=True)
class InvoiceRun(Record):
    """How far the invoice of a tenant's period has come; keyed by `tenant` and `month`.

    `total` is in minor units of `currency`.
    """

    tenant: str
    month: str
    state: RunState
    at: datetime
    invoice: str = ""
    total: int = 0
    currency: str = ""
    note: str = ""
