"""Plans and tenants in the accounts file's keys and plain values, for diffs, audit and export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import LIMIT_NAMES, Cycle, Plan, Prices
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.gateway_names import PRICE_TABLES
from pbxbilling.kernel.money import from_basis_points, from_micros, from_minor

# The accounts file's key for the price of each cycle.
PRICE_KEYS: Mapping[Cycle, str] = {
    Cycle.MONTH: "price",
    Cycle.QUARTER: "price_quarter",
    Cycle.HALF_YEAR: "price_half_year",
    Cycle.YEAR: "price_year",
}


# The accounts file's key that sets each lived field; "": no key does.
_LIVED: Mapping[str, str] = {
    "blocks": "status",
    "trial_until": "status",
    **dict.fromkeys(("status_since", "charges_since", "renews_at", "setup_paid_at"), ""),
    **dict.fromkeys(("customer", "subscription"), ""),
}


def file_key(key: str) -> str:
    """Return the accounts file's key that sets a key of `as_written`; "" where none does."""
    return _LIVED.get(key, key)


def as_written(record: Plan | Tenant) -> dict[str, Any]:
    """Return a plan or tenant in the accounts file's keys and plain JSON values."""
    return _plan_as_written(record) if isinstance(record, Plan) else _tenant_as_written(record)


def _plan_as_written(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "description": plan.description,
        **{name: getattr(plan.limits, name) for name in LIMIT_NAMES},
        "count_internal": plan.count_internal,
        "included_minutes": -1 if plan.included_minutes is None else plan.included_minutes,
        "included_directions": sorted(plan.included_directions),
        "overage": plan.overage.value,
        "currency": plan.currency,
        **{PRICE_KEYS[cycle]: _price(plan, cycle) for cycle in Cycle},
        "setup_fee": from_minor(plan.setup_fee, plan.currency),
        "overage_per_minute": from_micros(plan.overage_per_minute_micros),
        "price_per_call": from_micros(plan.price_per_call_micros),
        "billing_increment": str(plan.billing_increment),
        "tax_rate": from_basis_points(plan.tax_rate_bp),
        "destinations": [_destination(rate) for rate in plan.destinations],
        "meters": {price.meter: _unit_price(price) for price in plan.meters},
        "features": sorted(plan.features),
        **{key: _ids(plan.prices_at(gateway)) for gateway, key in PRICE_TABLES.items()},
        "active": plan.active,
        "recommended": plan.recommended,
        "sort_order": plan.sort_order,
    }


def _ids(prices: Prices) -> dict[str, str]:
    return {name: ident for name, ident in asdict(prices).items() if ident}


def _destination(rate: DestinationRate) -> dict[str, Any]:
    since = {} if rate.since == date.min else {"since": rate.since.isoformat()}
    return {
        "prefix": rate.prefix,
        "per_minute": from_micros(rate.per_minute_micros),
        "name": rate.name,
        **since,
        "in_allowance": rate.in_allowance,
    }


def _unit_price(price: UnitPrice) -> dict[str, Any]:
    return {"per": price.per, "price": from_micros(price.price_micros), "name": price.name}


def _price(plan: Plan, cycle: Cycle) -> str | None:
    price = plan.prices.get(cycle)
    return None if price is None else from_minor(price, plan.currency)


def _tenant_as_written(tenant: Tenant) -> dict[str, Any]:
    return {
        "plan": tenant.plan,
        "name": tenant.name,
        "email": tenant.email,
        "address": tenant.address,
        "contacts": list(tenant.contacts),
        "vat_id": tenant.vat_id,
        "tax_exempt": tenant.tax_exempt,
        "status": tenant.status.value,
        "status_since": _instant(tenant.status_since),
        "blocks": sorted(tenant.blocks),
        "trial_until": _instant(tenant.trial_until),
        "mode": tenant.mode.value if tenant.mode else None,
        **{name: _override(tenant, name) for name in LIMIT_NAMES},
        "accountcodes": list(tenant.accountcodes),
        "dids": list(tenant.dids),
        "contexts": list(tenant.contexts),
        "timezone": tenant.timezone,
        "anchor_day": tenant.anchor_day,
        "demo": tenant.demo,
        "charges": tenant.usage_collection.way.value,
        "charges_since": _instant(tenant.usage_collection.since),
        "extensions": tenant.extensions,
        "customer": tenant.customer,
        "subscription": tenant.subscription,
        "renews_at": _instant(tenant.renews_at),
        "setup_paid_at": _instant(tenant.setup_paid_at),
    }


def _override(tenant: Tenant, name: str) -> int | None:
    """Return a tenant's own limit as the file writes it; None: the plan's, -1: unlimited."""
    if name not in tenant.limits:
        return None
    limit = tenant.limits[name]
    return -1 if limit is None else limit


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
