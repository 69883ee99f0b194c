"""One payment gateway, by everything that is asked of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pbxbilling.payments.ports import Invoices, UsageMeter
from pbxbilling.subscriptions.ports import CheckoutGateway, Gateway, WebhookReader


@dataclass(frozen=True, slots=True)
class PaymentGateway:
    """What a gateway's own modules are handed in as."""

    gateway: Gateway
    webhook_reader: WebhookReader
    checkout_gateway: CheckoutGateway
    meter: UsageMeter
    invoices: Invoices
    close: Callable[[], Awaitable[None]]  # its connections
