"""Defines the tables, one per kind of record; their columns are the records' fields.

Instants are integers, µs since 1970-01-01 UTC: exact, sortable, and the same on every database.
Usage is summed from `leg`, by the index `ix_leg_usage` alone; usage of purged legs is in
`purged_usage`, which a purge adds to in the transaction that deletes them. There are no foreign
keys: a leg may be written before its call, and a decision may name a tenant that does not exist;
a record that waited for its parent would block the rest.
"""

from __future__ import annotations

from pbxbilling.store.schema.accounts import (
    KEY_NOT_BY_FILE,
    account_version,
    audit,
    key_origin,
    plan,
    tenant,
    terms_change,
)
from pbxbilling.store.schema.base import metadata
from pbxbilling.store.schema.calls import (
    CALL_MERGED,
    CALL_OPEN,
    GUESSED_ENDS,
    LEG_ESTIMATED,
    LEG_OPEN,
    LEG_PLACED,
    LEG_UNOWNED,
    LEG_USED,
    call,
    decision,
    leg,
    pbx_mark,
    purged_usage,
)
from pbxbilling.store.schema.identity import custom_role, kept_answer, token, user
from pbxbilling.store.schema.lease import commit_number, lease
from pbxbilling.store.schema.statements import (
    generic_usage,
    invoice_run,
    one_off,
    plan_switch,
    statement,
    statement_leg,
)
from pbxbilling.store.schema.subscriptions import (
    EVENT_UNFINISHED,
    billing_cycle,
    cursor,
    customer,
    invoice,
    subscription,
    webhook_event,
)
from pbxbilling.store.schema.usage_events import METER_DIFFERS, METER_DUE, METER_UNSENT, meter_event

__all__ = [
    "CALL_MERGED",
    "CALL_OPEN",
    "EVENT_UNFINISHED",
    "GUESSED_ENDS",
    "KEY_NOT_BY_FILE",
    "LEG_ESTIMATED",
    "LEG_OPEN",
    "LEG_PLACED",
    "LEG_UNOWNED",
    "LEG_USED",
    "METER_DIFFERS",
    "METER_DUE",
    "METER_UNSENT",
    "account_version",
    "audit",
    "billing_cycle",
    "call",
    "commit_number",
    "cursor",
    "custom_role",
    "customer",
    "decision",
    "generic_usage",
    "invoice",
    "invoice_run",
    "kept_answer",
    "key_origin",
    "lease",
    "leg",
    "metadata",
    "meter_event",
    "one_off",
    "pbx_mark",
    "plan",
    "plan_switch",
    "purged_usage",
    "statement",
    "statement_leg",
    "subscription",
    "tenant",
    "terms_change",
    "token",
    "user",
    "webhook_event",
]
