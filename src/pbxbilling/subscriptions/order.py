"""Orders to sell through a payment gateway, checkout sessions, and plans by their prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Cycle, Plan
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.gateway_names import GatewayName


@dataclass(frozen=True, slots=True)
class SalePages:
    """Where a buyer is sent afterwards; "" means not set. None of these pages grants anything."""

    success_url: str = ""
    cancel_url: str = ""
    portal_return_url: str = ""
    own_hosts: frozenset[str] = frozenset()

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that a request may choose other pages on: those of these pages, and our own."""
        pages = (self.success_url, self.cancel_url, self.portal_return_url)
        return self.own_hosts | {urlsplit(page).netloc.lower() for page in pages if page}

    def checked(self, url: str) -> str:
        """Return a page that a request has chosen. Raises AdministrationError for one elsewhere."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.netloc.lower() not in self.hosts:
            known = ", ".join(sorted(self.hosts)) or "none, as no page is configured"
            raise AdministrationError(f"{url[:200]!r}: expected a page on one of {known}")
        return url


class Wish(NamedTuple):
    """What a request wants of a checkout, in place of what is configured; None: that."""

    trial_days: int | None = None
    success_url: str | None = None
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One price of an order. A `metered` one has no quantity: usage supplies it."""

    price: str
    metered: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A subscription offered to a tenant; `trial_days` 0 is none.

    `with_setup` says that one of the lines is the one-time setup fee.
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
    """A page where an order can be paid until it expires; `order` is the order's fingerprint."""

    id: str
    url: str
    expires_at: datetime
    order: str


def order_of(
    tenant: Tenant,
    customer: str,
    plan: Plan,
    gateway: GatewayName,
    cycle: Cycle,
    pages: SalePages,
    trial_days: int,
) -> Order:
    """Build the order of a plan on a cycle: its price, usage, and the setup fee if unpaid."""
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


def plan_sold_by(plans: Mapping[str, Plan], prices: Iterable[str]) -> str | None:
    """Return the plan that these prices sell; None: no plan, or more than one.

    Monthly and yearly prices decide. Many plans may share one usage price, so that one decides
    only where the others do not.
    """
    wanted = {price for price in prices if price}
    flat = [p.slug for p in plans.values() if wanted & p.price_ids()]
    found = flat or [p.slug for p in plans.values() if wanted & _metered(p)]
    return found[0] if len(found) == 1 else None


def _metered(plan: Plan) -> set[str]:
    return {prices.metered for prices in plan.gateway_prices.values()}
