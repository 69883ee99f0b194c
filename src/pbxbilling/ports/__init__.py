"""What the services need from outside, as small protocols; adapters and test fakes fit them."""

from __future__ import annotations

from pbxbilling.ports.core import Clock, EventSink, PbxControl, RecordSink
from pbxbilling.ports.gateway import (
    Gateway,
    GatewayError,
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
    StoreError,
)

__all__ = [
    "Bills",
    "Clock",
    "EventSink",
    "Gateway",
    "GatewayError",
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
    "StoreError",
    "Till",
    "UsageMeter",
]
