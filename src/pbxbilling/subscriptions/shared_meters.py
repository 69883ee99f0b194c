"""Find tenants whose usage a gateway adds up: it counts meter events by customer, not by tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.kernel.gateway_names import GatewayName


def goes_to_meter(tenant: Tenant, at: datetime) -> bool:
    """Return whether a tenant's usage goes to the gateway's meter, at `at` or from a later time."""
    collection = tenant.usage_collection
    return not tenant.demo and CollectionMethod.METER_EVENTS in (collection.way, collection.at(at))


def shared_meters(tenants: Iterable[Tenant], at: datetime) -> list[tuple[str, Sequence[str]]]:
    """Return each customer that several tenants' usage goes to, with those tenants by name."""
    found: dict[str, list[str]] = {}
    for tenant in tenants:
        if tenant.customer is not None and goes_to_meter(tenant, at):
            found.setdefault(tenant.customer, []).append(tenant.slug)
    return sorted((customer, sorted(slugs)) for customer, slugs in found.items() if len(slugs) > 1)


def in_one_sum(customer: str, slugs: Sequence[str], gateway: GatewayName) -> str:
    """Return the sentence about tenants that share a customer."""
    return (
        f"customer {customer} is that of {' and '.join(slugs)}, all with charges ="
        f' "meter_events": {gateway} adds their usage up, and each is invoiced for all of it; give'
        " each a customer of its own, or charge by invoice_items"
    )
