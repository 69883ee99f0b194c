"""Calls, legs, decisions, audit, marks, plans and tenants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OBJECT = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Make every table; there was none."""
    _call()
    _leg()
    _decision()
    _audit()
    _pbx_mark()
    _plan()
    _tenant()


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _call() -> None:
    op.create_table(
        "call",
        sa.Column("call", sa.String, nullable=False),
        sa.Column("tenant", sa.String),
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("direction", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("asker", sa.String, nullable=False),
        sa.Column("linkedid", sa.String, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("hooked", sa.Boolean, nullable=False),
        sa.Column("over_limit", sa.Boolean, nullable=False),
        sa.Column("emergency", sa.Boolean, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("merged_into", sa.String),
        sa.PrimaryKeyConstraint("call"),
        sqlite_with_rowid=False,
    )
    _partial("ix_call_merged", "call", ["ended_at"], "merged_into IS NOT NULL")
    _partial("ix_call_open", "call", ["pbx"], "ended_at IS NULL")


def _leg() -> None:
    op.create_table(
        "leg",
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("uniqueid", sa.String, nullable=False),
        sa.Column("call", sa.String),
        sa.Column("tenant", sa.String),
        sa.Column("direction", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("linkedid", sa.String, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("talk_us", sa.BigInteger, nullable=False),
        sa.Column("billed_s", sa.BigInteger, nullable=False),
        sa.Column("allowance_s", sa.BigInteger, nullable=False),
        sa.Column("month", sa.String),
        sa.Column("witness", sa.String),
        sa.Column("over_limit", sa.Boolean, nullable=False),
        sa.Column("emergency", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("pbx", "uniqueid"),
        sqlite_with_rowid=False,
    )
    _partial("ix_leg_open", "leg", ["pbx"], "answered_at IS NOT NULL AND ended_at IS NULL")
    _partial(
        "ix_leg_unowned",
        "leg",
        ["ended_at"],
        "tenant IS NULL AND answered_at IS NOT NULL AND ended_at IS NOT NULL",
    )
    _partial(
        "ix_leg_usage",
        "leg",
        ["tenant", "month", "direction", "talk_us", "billed_s", "allowance_s", "answered_at"],
        "answered_at IS NOT NULL AND month IS NOT NULL",
    )


def _decision() -> None:
    op.create_table(
        "decision",
        sa.Column("id", _ROW_NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("pbx", sa.String),
        sa.Column("uniqueid", sa.String, nullable=False),
        sa.Column("call", sa.String),
        sa.Column("tenant", sa.String),
        sa.Column("direction", sa.String),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("breach", sa.String),
        sa.Column("used", sa.BigInteger),
        sa.Column("limit", sa.BigInteger),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_decision_at", "decision", ["at"])
    op.create_index("ix_decision_tenant_at", "decision", ["tenant", "at"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _ROW_NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("before", _OBJECT),
        sa.Column("after", _OBJECT),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_subject_at", "audit", ["subject", "at"])


def _pbx_mark() -> None:
    op.create_table(
        "pbx_mark",
        sa.Column("pbx", sa.String, nullable=False),
        sa.Column("heard_at", sa.BigInteger),
        sa.Column("journal_file", sa.String, nullable=False),
        sa.Column("journal_offset", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("pbx"),
    )


def _plan() -> None:
    op.create_table(
        "plan",
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("limits", _OBJECT, nullable=False),
        sa.Column("count_internal", sa.Boolean, nullable=False),
        sa.Column("included_minutes", sa.BigInteger),
        sa.Column("included_directions", _OBJECT, nullable=False),
        sa.Column("overage", sa.String, nullable=False),
        sa.Column("price_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("overage_per_minute_micros", sa.BigInteger, nullable=False),
        sa.Column("billing_increment", sa.String, nullable=False),
        sa.Column("stripe_prices", _OBJECT, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("slug"),
    )


def _tenant() -> None:
    op.create_table(
        "tenant",
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("plan", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("blocks", _OBJECT, nullable=False),
        sa.Column("trial_until", sa.BigInteger),
        sa.Column("mode", sa.String),
        sa.Column("limits", _OBJECT, nullable=False),
        sa.Column("accountcodes", _OBJECT, nullable=False),
        sa.Column("dids", _OBJECT, nullable=False),
        sa.Column("contexts", _OBJECT, nullable=False),
        sa.Column("timezone", sa.String, nullable=False),
        sa.Column("demo", sa.Boolean, nullable=False),
        sa.Column("extensions", sa.Integer, nullable=False),
        sa.Column("subscription", sa.String),
        sa.Column("renews_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("slug"),
    )
