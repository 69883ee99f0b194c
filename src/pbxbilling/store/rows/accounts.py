"""Maps plans, tenants, key origins and audit records to rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from functools import cache, lru_cache
from sys import intern
from types import MappingProxyType
from typing import Any

from orjson import loads
from sqlalchemy import Row, Select, select

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.records import AuditRecord
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import (
    LIMIT_NAMES,
    BillingIncrement,
    Cycle,
    Limits,
    Overage,
    Plan,
    Prices,
    sold_at,
)
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.codes import LegDirection, Mode
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.runtime.flat import Codec, word
from pbxbilling.store import schema
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, TEXT, Values, from_us, one_array, to_us


def plan_values(record: Plan) -> Values:
    """Build the row of a plan."""
    return {
        "slug": record.slug,
        "name": record.name,
        "description": record.description,
        "limits": {name: getattr(record.limits, name) for name in LIMIT_NAMES},
        "count_internal": record.count_internal,
        "included_minutes": record.included_minutes,
        "included_directions": _words(record.included_directions),
        "overage": record.overage.value,
        "currency": record.currency,
        "prices": {cycle.value: price for cycle, price in record.prices.items()},
        "setup_fee": record.setup_fee,
        "overage_per_minute_micros": record.overage_per_minute_micros,
        "price_per_call_micros": record.price_per_call_micros,
        "billing_increment": str(record.billing_increment),
        "tax_rate_bp": record.tax_rate_bp,
        "destinations": [_destination_values(rate) for rate in record.destinations],
        "meters": [asdict(price) for price in record.meters],
        "features": _words(record.features),
        "stripe_prices": asdict(record.prices_at(STRIPE)),
        "active": record.active,
        "recommended": record.recommended,
        "sort_order": record.sort_order,
    }


def plan_record(row: Row[Any]) -> Plan:
    """Build a plan from its row."""
    return Plan(
        slug=row.slug,
        name=row.name,
        description=row.description,
        limits=Limits(**row.limits),
        count_internal=row.count_internal,
        included_minutes=row.included_minutes,
        included_directions=frozenset(map(LegDirection, row.included_directions)),
        overage=Overage(row.overage),
        currency=row.currency,
        prices={Cycle(cycle): price for cycle, price in row.prices.items()},
        setup_fee=row.setup_fee,
        overage_per_minute_micros=row.overage_per_minute_micros,
        price_per_call_micros=row.price_per_call_micros,
        billing_increment=BillingIncrement.parse(row.billing_increment),
        tax_rate_bp=row.tax_rate_bp,
        destinations=tuple(map(_destination, row.destinations)),
        meters=tuple(UnitPrice(**price) for price in row.meters),
        features=frozenset(row.features),
        gateway_prices=sold_at(STRIPE, Prices(**row.stripe_prices)),
        active=row.active,
        recommended=row.recommended,
        sort_order=row.sort_order,
    )


def _destination_values(rate: DestinationRate) -> Values:
    return asdict(rate) | {"since": rate.since.isoformat()}


def _destination(values: Values) -> DestinationRate:
    return DestinationRate(**values | {"since": date.fromisoformat(values["since"])})


def tenant_values(record: Tenant) -> Values:
    """Build the row of a tenant."""
    return {
        "slug": record.slug,
        "plan": record.plan,
        "name": record.name,
        "email": record.email,
        "address": record.address,
        "contacts": list(record.contacts),
        "vat_id": record.vat_id,
        "tax_exempt": record.tax_exempt,
        "status": record.status.value,
        "status_since": to_us(record.status_since),
        "blocks": _words(record.blocks),
        "trial_until": to_us(record.trial_until),
        "mode": record.mode and record.mode.value,
        "limits": dict(record.limits),
        "accountcodes": list(record.accountcodes),
        "dids": list(record.dids),
        "contexts": list(record.contexts),
        "timezone": record.timezone,
        "anchor_day": record.anchor_day,
        "demo": record.demo,
        "extensions": record.extensions,
        "customer": record.customer,
        "subscription": record.subscription,
        "renews_at": to_us(record.renews_at),
        "setup_paid_at": to_us(record.setup_paid_at),
        "charges": record.usage_collection.way.value,
        "charges_before": record.usage_collection.before.value,
        "charges_since": to_us(record.usage_collection.since),
    }


def all_tenants() -> Select[Any]:
    """Select every tenant, ordered by slug, as one JSON array each; see `tenant_record`.

    There may be 100,000. Fetching each column separately takes twice as long, and SQLAlchemy's own
    conversion of the columns takes longer than everything else that a start reads.
    """
    return select(one_array(schema.tenant.c)).order_by(schema.tenant.c.slug)


def tenant_record(row: Row[Any]) -> Tenant:
    """Build a tenant from a row of `all_tenants`; values shared by many are stored once.

    The fields are positional: naming them would add a tenth to the time that a start reads.
    """
    (
        slug, plan, name, email, address, contacts, vat_id, tax_exempt,
        status, status_since, blocks, trial_until, mode, limits,
        accountcodes, dids, contexts, timezone, anchor_day, demo, extensions,
        customer, subscription, renews_at, setup_paid_at, *usage_collection,
    ) = loads(row[0])  # fmt: skip
    return Tenant(
        slug, intern(plan), name, email, address, tuple(loads(contacts)), vat_id, bool(tax_exempt),
        _status(status), from_us(status_since), _blocks(blocks), from_us(trial_until),
        Mode(mode) if mode else None, _limits(limits),
        tuple(loads(accountcodes)), tuple(loads(dids)), tuple(loads(contexts)),
        intern(timezone), anchor_day, bool(demo), extensions,
        customer, subscription, from_us(renews_at), from_us(setup_paid_at),
        _usage_collection(*usage_collection),
    )  # fmt: skip


@cache
def _status(word: str) -> Status:
    return Status(word)


@lru_cache(maxsize=1024)
def _blocks(words: str) -> frozenset[Blocker]:
    return frozenset(map(Blocker, loads(words)))


@lru_cache(maxsize=1024)
def _limits(overrides: str) -> Mapping[str, int | None]:
    return MappingProxyType(loads(overrides))


@lru_cache(maxsize=1024)
def _usage_collection(way: str, before: str, since_us: int | None) -> UsageCollection:
    return UsageCollection(CollectionMethod(way), CollectionMethod(before), from_us(since_us))


ORIGIN = TableRows(
    KeyOrigin,
    schema.key_origin,
    {"kind": word(AccountKind), "by": word(SetBy), "at": INSTANT},
)
AUDIT = TableRows(
    AuditRecord,
    schema.audit,
    {
        "at": INSTANT,
        "actor": TEXT,
        "subject": TEXT,
        "before": Codec(write=dict).or_none,
        "after": Codec(write=dict).or_none,
    },
    unmapped={"id"},
)


def _words(values: Iterable[str]) -> list[str]:
    return sorted(str(value) for value in values)
