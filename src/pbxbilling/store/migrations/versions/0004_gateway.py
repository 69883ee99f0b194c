"""What is kept of the payment gateway: its subscriptions, customers, invoices and events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables."""
    _subscription()
    _customer_and_invoice()
    _letter()


def _text(name: str, *, null: bool = False, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String, primary_key=key, nullable=null and not key)


def _number(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _subscription() -> None:
    op.create_table(
        "subscription",
        _text("id", key=True),
        _text("customer"),
        _text("tenant", null=True),
        _text("status"),
        _number("status_since", null=True),
        sa.Column("prices", sa.JSON(none_as_null=True), nullable=False),
        _number("created_at"),
        _number("as_of"),
        _flag("live"),
        _number("trial_until", null=True),
        _number("period_start", null=True),
        _number("period_end", null=True),
        _flag("cancel_at_period_end"),
        _flag("with_setup"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_subscription_tenant", "subscription", ["tenant"])


def _customer_and_invoice() -> None:
    op.create_table(
        "customer",
        _text("id", key=True),
        _text("tenant", null=True),
        _text("email"),
        _flag("live"),
        _flag("deleted"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "invoice",
        _text("id", key=True),
        _text("customer"),
        _text("subscription", null=True),
        _text("tenant", null=True),
        _text("number"),
        _text("status"),
        _number("total"),
        _text("currency"),
        _number("created_at"),
        _number("as_of"),
        _flag("live"),
        _number("paid_at", null=True),
        _text("page_url"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_invoice_tenant", "invoice", ["tenant", "created_at"])


def _letter() -> None:
    op.create_table(
        "letter",
        _text("id", key=True),
        _text("kind"),
        _text("about"),
        _number("created_at"),
        _number("received_at"),
        _flag("live"),
        _text("body"),
        _text("state"),
        sa.Column("attempts", sa.Integer, nullable=False),
        _text("note"),
        sqlite_with_rowid=False,
    )
    unfinished = sa.text("state IN ('parked', 'unconfirmed', 'waiting')")
    op.create_index(
        "ix_letter_unfinished",
        "letter",
        ["received_at"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_table("cursor", _text("name", key=True), _number("at"), sqlite_with_rowid=False)
