"""What is kept of payments: how far the invoice of each period has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.kernel.records import Record


class RunState(StrEnum):
    """How far the invoice of a period has come."""

    BEGUN = "begun"
    ISSUED = "issued"  # finalized and sent
    NOTHING = "nothing"  # no line of the statement is to be invoiced
    HELD = "held"  # a person has to look: `note` says why


@dataclass(frozen=True, slots=True)
class InvoiceRun(Record):
    """What became of the invoice of a tenant's period, keyed by `tenant` and `month`.

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
