"""What is sold through a payment gateway: orders, links, and what is found there of prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Cycle, Plan
from pbxbilling.kernel.gateway_names import GatewayName


@dataclass(frozen=True, slots=True)
class SalePages:
    """Where a buyer is sent afterwards; "" is not set. None of these pages grants anything."""

    success_url: str = ""
    cancel_url: str = ""
    portal_return_url: str = ""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One price of an order. `metered` has no quantity: usage will be its quantity."""

    price: str
    metered: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A subscription that a tenant is offered; `trial_days` 0 is none.

    `with_setup` says that one of the lines is the fee that a tenant pays once.
    """

    tenant: str
    customer: str
    plan: str
    cycle: Cycle
    lines: tuple[OrderLine, ...]
    success_url: str
    cancel_url: str
    trial_days: int = 0
    with_setup: bool = False


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A page where an order can be paid, until it expires. `order` is the fingerprint of it."""

    id: str
    url: str
    expires_at: datetime
    order: str


@dataclass(frozen=True, slots=True)
class GatewayAccount:
    """Whose the key is."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class PriceFound:
    """A price as the gateway has it.

    `amount` is in minor units of `currency`, None where it is told in tiers or in fractions of
    them. `months` is how often it is due, 0 for once, None for days and weeks.
    """

    id: str
    active: bool
    live: bool
    currency: str
    amount: int | None
    months: int | None
    metered: bool


def order_of(
    tenant: Tenant,
    customer: str,
    plan: Plan,
    gateway: GatewayName,
    cycle: Cycle,
    pages: SalePages,
    trial_days: int,
) -> Order:
    """A plan on a cycle with its usage; the setup fee for whoever has not paid one yet."""
    prices = plan.prices_at(gateway)
    with_setup = bool(prices.setup) and tenant.setup_paid_at is None
    lines = [OrderLine(prices.of(cycle))]
    if prices.metered:
        lines.append(OrderLine(prices.metered, metered=True))
    if with_setup:
        lines.append(OrderLine(prices.setup))
    return Order(
        tenant=tenant.slug,
        customer=customer,
        plan=plan.slug,
        cycle=cycle,
        lines=tuple(lines),
        success_url=pages.success_url,
        cancel_url=pages.cancel_url,
        trial_days=trial_days,
        with_setup=with_setup,
    )
