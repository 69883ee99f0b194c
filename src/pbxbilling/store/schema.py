"""The tables, one per kind of record; their columns are the records' fields.

Instants are integers, µs since 1970-01-01 UTC: exact, sortable, and the same on every database.
Usage is added up from `leg`, which `ix_leg_usage` answers alone; for legs that were purged it is in
`purged_usage`, which a purge adds to in the transaction that takes them away. There are no foreign
keys: a leg may be written before its call and a decision may name a tenant that nobody has; a fact
that waited for its parent would hold up the rest.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    literal_column,
    or_,
)

from pbxbilling.domain.gateway import UNFINISHED
from pbxbilling.domain.meter_event import DUE, EventState

metadata = MetaData()

# SQLite numbers rows by itself only where the key is exactly INTEGER.
_RowNumber = BigInteger().with_variant(Integer, "sqlite")
_Object = JSON(none_as_null=True)

call = Table(
    "call",
    metadata,
    Column("call", String, primary_key=True),
    Column("tenant", String),
    Column("pbx", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("asker", String, nullable=False),
    Column("linkedid", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("number", String, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("hooked", Boolean, nullable=False),
    Column("over_limit", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("merged_into", String),
    sqlite_with_rowid=False,
)

leg = Table(
    "leg",
    metadata,
    Column("pbx", String, primary_key=True),
    Column("uniqueid", String, primary_key=True),
    Column("call", String),
    Column("tenant", String),
    Column("direction", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("linkedid", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("number", String, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("talk_us", BigInteger, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("allowance_s", BigInteger, nullable=False),
    Column("month", String),
    Column("witness", String),
    Column("over_limit", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

decision = Table(
    "decision",
    metadata,
    Column("id", _RowNumber, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("pbx", String),
    Column("uniqueid", String, nullable=False),
    Column("call", String),
    Column("tenant", String),
    Column("direction", String),
    Column("caller", String, nullable=False),
    Column("number", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("breach", String),
    Column("used", BigInteger),
    Column("limit", BigInteger),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _RowNumber, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("before", _Object),
    Column("after", _Object),
)

pbx_mark = Table(
    "pbx_mark",
    metadata,
    Column("pbx", String, primary_key=True),
    Column("heard_at", BigInteger),
    Column("journal_file", String, nullable=False),
    Column("journal_offset", BigInteger, nullable=False),
)

plan = Table(
    "plan",
    metadata,
    Column("slug", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("limits", _Object, nullable=False),
    Column("count_internal", Boolean, nullable=False),
    Column("included_minutes", BigInteger),
    Column("included_directions", _Object, nullable=False),
    Column("overage", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("prices", _Object, nullable=False),
    Column("setup_fee", BigInteger, nullable=False),
    Column("overage_per_minute_micros", BigInteger, nullable=False),
    Column("price_per_call_micros", BigInteger, nullable=False),
    Column("billing_increment", String, nullable=False),
    Column("tax_rate_bp", Integer, nullable=False),
    Column("destinations", _Object, nullable=False),
    Column("meters", _Object, nullable=False),
    Column("features", _Object, nullable=False),
    Column("stripe_prices", _Object, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("recommended", Boolean, nullable=False),
    Column("sort_order", Integer, nullable=False),
)

tenant = Table(
    "tenant",
    metadata,
    Column("slug", String, primary_key=True),
    Column("plan", String, nullable=False),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
    Column("address", String, nullable=False),
    Column("contacts", _Object, nullable=False),
    Column("vat_id", String, nullable=False),
    Column("tax_exempt", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("status_since", BigInteger),
    Column("blocks", _Object, nullable=False),
    Column("trial_until", BigInteger),
    Column("mode", String),
    Column("limits", _Object, nullable=False),
    Column("accountcodes", _Object, nullable=False),
    Column("dids", _Object, nullable=False),
    Column("contexts", _Object, nullable=False),
    Column("timezone", String, nullable=False),
    Column("anchor_day", Integer, nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("extensions", Integer, nullable=False),
    Column("customer", String),
    Column("subscription", String),
    Column("renews_at", BigInteger),
    Column("setup_paid_at", BigInteger),
    Column("charges", String, nullable=False),
    Column("charges_before", String, nullable=False),
    Column("charges_since", BigInteger),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", String, primary_key=True),
    Column("customer", String, nullable=False),
    Column("tenant", String),
    Column("status", String, nullable=False),
    Column("status_since", BigInteger),
    Column("prices", _Object, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("trial_until", BigInteger),
    Column("period_start", BigInteger),
    Column("period_end", BigInteger),
    Column("cancel_at_period_end", Boolean, nullable=False),
    Column("with_setup", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

customer = Table(
    "customer",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", String),
    Column("email", String, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

invoice = Table(
    "invoice",
    metadata,
    Column("id", String, primary_key=True),
    Column("customer", String, nullable=False),
    Column("subscription", String),
    Column("tenant", String),
    Column("number", String, nullable=False),
    Column("status", String, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("paid_at", BigInteger),
    Column("page_url", String, nullable=False),
    sqlite_with_rowid=False,
)

letter = Table(
    "letter",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("about", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("body", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("note", String, nullable=False),
    sqlite_with_rowid=False,
)

cursor = Table(
    "cursor",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

statement = Table(
    "statement",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("month", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("document", _Object, nullable=False),
)

statement_leg = Table(
    "statement_leg",
    metadata,
    Column("pbx", String, primary_key=True),
    Column("uniqueid", String, primary_key=True),
    Column("month", String, primary_key=True),
    Column("of_month", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("number", String, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("talk_us", BigInteger, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("included_s", BigInteger, nullable=False),
    Column("charged_s", BigInteger, nullable=False),
    Column("rate_micros", BigInteger, nullable=False),
    Column("line", String, nullable=False),
    Column("fee_micros", BigInteger, nullable=False),
    Column("fee_line", String, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("over_limit", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

one_off = Table(
    "one_off",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("month", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("used_in", String),
    sqlite_with_rowid=False,
)

plan_switch = Table(
    "plan_switch",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    sqlite_with_rowid=False,
)

billing_cycle = Table(
    "billing_cycle",
    metadata,
    Column("invoice", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("subscription", String, nullable=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

meter_event = Table(
    "meter_event",
    metadata,
    Column("leg", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("month", String, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("ledger_minutes", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tried_at", BigInteger),
    Column("customer", String),
    Column("note", String, nullable=False),
    sqlite_with_rowid=False,
)

purged_usage = Table(
    "purged_usage",
    metadata,
    Column("tenant", String, primary_key=True),  # "" is nobody
    Column("month", String, primary_key=True),
    Column("direction", String, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("talk_us", BigInteger, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("allowance_s", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

invoice_run = Table(
    "invoice_run",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("month", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("invoice", String, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("note", String, nullable=False),
    sqlite_with_rowid=False,
)

generic_usage = Table(
    "generic_usage",
    metadata,
    Column("reference", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("meter", String, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Queries use these same conditions, so that the partial indexes below apply to them.
CALL_OPEN = call.c.ended_at.is_(None)
CALL_MERGED = call.c.merged_into.is_not(None)
LEG_OPEN = and_(leg.c.answered_at.is_not(None), leg.c.ended_at.is_(None))
LEG_USED = and_(leg.c.answered_at.is_not(None), leg.c.month.is_not(None))
LEG_UNOWNED = and_(
    leg.c.tenant.is_(None), leg.c.answered_at.is_not(None), leg.c.ended_at.is_not(None)
)
# Ended, and not unowned: spelled so that SQLite sees it in a query that has `LEG_PLACED` too.
LEG_PLACED = and_(
    leg.c.ended_at.is_not(None), or_(leg.c.tenant.is_not(None), leg.c.answered_at.is_(None))
)
LETTER_UNFINISHED = letter.c.state.in_(
    [literal_column(f"'{state.value}'") for state in sorted(UNFINISHED)]
)

_SENT: ColumnElement[str] = literal_column(f"'{EventState.SENT.value}'")
METER_DUE = meter_event.c.state.in_([literal_column(f"'{state.value}'") for state in sorted(DUE)])
METER_UNSENT = meter_event.c.state != _SENT
METER_DIFFERS = and_(
    meter_event.c.state == _SENT,
    meter_event.c.minutes != meter_event.c.ledger_minutes,
    meter_event.c.note == literal_column("''"),
)


def _partial(name: str, where: ColumnElement[bool], *columns: Column[object]) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


_partial("ix_call_open", CALL_OPEN, call.c.pbx)
_partial("ix_call_merged", CALL_MERGED, call.c.ended_at)
_partial("ix_call_ended", call.c.ended_at.is_not(None), call.c.ended_at)
_partial("ix_leg_ended", LEG_PLACED, leg.c.ended_at)
_partial("ix_leg_open", LEG_OPEN, leg.c.pbx)
_partial("ix_leg_unowned", LEG_UNOWNED, leg.c.ended_at)
_partial(
    "ix_leg_usage",
    LEG_USED,
    leg.c.tenant,
    leg.c.month,
    leg.c.direction,
    leg.c.talk_us,
    leg.c.billed_s,
    leg.c.allowance_s,
    leg.c.answered_at,  # without it SQLite goes to the row for its condition
)
Index("ix_decision_tenant_at", decision.c.tenant, decision.c.at)
Index("ix_decision_at", decision.c.at)
Index("ix_audit_at", audit.c.at)
Index("ix_audit_subject_at", audit.c.subject, audit.c.at)
Index("ix_letter_received", letter.c.received_at)
Index("ix_subscription_tenant", subscription.c.tenant)
Index("ix_invoice_tenant", invoice.c.tenant, invoice.c.created_at)
Index("ix_statement_month", statement.c.month)
Index("ix_statement_leg_month", statement_leg.c.tenant, statement_leg.c.month)
Index("ix_statement_leg_of_month", statement_leg.c.tenant, statement_leg.c.of_month)
Index("ix_billing_cycle_tenant", billing_cycle.c.tenant, billing_cycle.c.begins)
_partial("ix_meter_event_due", METER_DUE, meter_event.c.ended_at, meter_event.c.leg)
_partial("ix_meter_event_unsent", METER_UNSENT, meter_event.c.state, meter_event.c.tenant)
_partial("ix_meter_event_differs", METER_DIFFERS, meter_event.c.leg)
Index("ix_generic_usage_tenant", generic_usage.c.tenant, generic_usage.c.at)
Index("ix_meter_event_customer", meter_event.c.customer, meter_event.c.ended_at)
Index("ix_meter_event_month", meter_event.c.tenant, meter_event.c.month)
_partial("ix_letter_unfinished", LETTER_UNFINISHED, letter.c.received_at)
