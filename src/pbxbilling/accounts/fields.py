"""The tables of fields of plans and tenants: the one list that is kept beside their classes.

The accounts file (its keys, written and read), the tables of the database, both directions of their
rows, the keys that a file must not reset silently, and what a file leaves unchanged follow from
them. Their order is that in which keys are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pbxbilling.accounts import kinds
from pbxbilling.accounts.kinds import Kind
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a plan or tenant.

    `key` is its key in the accounts file, "" where that is `name` (see also `Kind.keys`). A `lived`
    field is changed by commands, the gateway and the clock, and an accounts file keeps it, unless
    its key `set_by` says otherwise. A `guarded` field bounds calls or identifies their tenant: a
    file that omits its key must not reset it silently. Statements charge by a `billed` field: its
    changes are kept, so that a change never reaches back (see `history.py`).
    """

    name: str
    kind: Kind[Any]
    key: str = ""
    lived: bool = False
    set_by: str = ""
    guarded: bool = False
    billed: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Return its keys in the accounts file; of a lived field, those that show it."""
        return (self.key or self.name,) if self.kind.keys is None else self.kind.keys


PLAN_FIELDS = (
    Field("slug", kinds.SLUG),
    Field("name", kinds.TEXT),
    Field("description", kinds.LINES),
    Field("limits", kinds.LIMITS, guarded=True),
    Field("count_internal", kinds.FLAG, guarded=True),
    Field("included_minutes", kinds.LIMIT, guarded=True, billed=True),
    Field("included_directions", kinds.DIRECTIONS, guarded=True, billed=True),
    Field("overage", kinds.OVERAGE, guarded=True),
    Field("currency", kinds.CURRENCY, billed=True),  # precedes the amounts, which are checked by it
    Field("prices", kinds.PRICES, billed=True),
    Field("setup_fee", kinds.AMOUNT, billed=True),
    Field("overage_per_minute_micros", kinds.RATE, key="overage_per_minute", billed=True),
    Field("price_per_call_micros", kinds.RATE, key="price_per_call", billed=True),
    Field("billing_increment", kinds.INCREMENT, billed=True),
    Field("tax_rate_bp", kinds.PERCENTAGE, key="tax_rate", billed=True),
    Field("destinations", kinds.DESTINATIONS, billed=True),
    Field("meters", kinds.UNIT_PRICES, billed=True),
    Field("features", kinds.NAMES),
    Field("gateway_prices", kinds.GATEWAY_PRICES),
    Field("active", kinds.FLAG),
    Field("recommended", kinds.FLAG),
    Field("sort_order", kinds.PLACE),
)

TENANT_FIELDS = (
    Field("slug", kinds.SLUG),
    Field("plan", kinds.PLAN_OF_TENANT),
    Field("name", kinds.TEXT),
    Field("email", kinds.TEXT),
    Field("address", kinds.LINES),
    Field("contacts", kinds.ITEMS),
    Field("vat_id", kinds.TEXT),
    Field("tax_exempt", kinds.FLAG, billed=True),
    Field("status", kinds.STATUS, lived=True, set_by="status", billed=True),
    Field("status_since", kinds.INSTANT, lived=True, billed=True),
    Field("blocks", kinds.BLOCKS, lived=True, set_by="status"),
    Field("trial_until", kinds.INSTANT, lived=True, set_by="status", billed=True),
    Field("mode", kinds.MODE, guarded=True),
    Field("limits", kinds.OVERRIDES, guarded=True),
    Field("accountcodes", kinds.ITEMS, guarded=True),
    Field("dids", kinds.NUMBERS, guarded=True),
    Field("contexts", kinds.ITEMS, guarded=True),
    Field("timezone", kinds.ZONE, billed=True),
    Field("anchor_day", kinds.DAY_OF_MONTH, billed=True),
    Field("demo", kinds.FLAG, billed=True),
    Field("usage_collection", kinds.COLLECTION),
    Field("extensions", kinds.COUNT),
    Field("customer", kinds.GATEWAY_ID, lived=True),
    Field("subscription", kinds.GATEWAY_ID, lived=True, billed=True),
    Field("renews_at", kinds.INSTANT, lived=True),
    Field("setup_paid_at", kinds.INSTANT, lived=True),
    Field("added_at", kinds.INSTANT, lived=True),
)

FIELDS: Mapping[type[Plan | Tenant], tuple[Field, ...]] = {
    Plan: PLAN_FIELDS,
    Tenant: TENANT_FIELDS,
}
