"""What the services need from outside, as small protocols; adapters and test fakes fit them."""

from __future__ import annotations

from pbxbilling.ports.core import Clock, EventSink, PbxControl, RecordSink
from pbxbilling.ports.gateway import (
    Gateway,
    Invoices,
    IssuedInvoice,
    Page,
    Till,
    UsageMeter,
)
from pbxbilling.ports.store import (
    Bills,
    Holdings,
    InvoiceRuns,
    MeteredMinutes,
    MeterOutbox,
    Mirrors,
    Store,
)

__all__ = [
    "Bills",
    "Clock",
    "EventSink",
    "Gateway",
    "Holdings",
    "InvoiceRuns",
    "Invoices",
    "IssuedInvoice",
    "MeterOutbox",
    "MeteredMinutes",
    "Mirrors",
    "Page",
    "PbxControl",
    "RecordSink",
    "Store",
    "Till",
    "UsageMeter",
]
