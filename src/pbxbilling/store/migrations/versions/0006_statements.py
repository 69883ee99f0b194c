"""What is kept of billing: statements, the legs on them, one-off lines, plans and cycles."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables."""
    _statement()
    _statement_leg()
    _one_off()
    _plan_switch_and_cycle()


def _text(name: str, *, null: bool = False, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String, primary_key=key, nullable=null and not key)


def _number(name: str, *, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=False)


def _ordinal(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _statement() -> None:
    op.create_table(
        "statement",
        _text("tenant", key=True),
        _text("month", key=True),
        _ordinal("number"),
        _number("begins"),
        _number("ends"),
        _number("made_at"),
        _text("currency"),
        _number("net"),
        _number("tax"),
        _number("total"),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
    )
    op.create_index("ix_statement_month", "statement", ["month"])


def _statement_leg() -> None:
    op.create_table(
        "statement_leg",
        _text("pbx", key=True),
        _text("uniqueid", key=True),
        _text("month", key=True),
        _text("of_month", key=True),
        _text("tenant"),
        _text("direction"),
        _text("number"),
        _number("ended_at"),
        _number("talk_us"),
        _number("billed_s"),
        _number("included_s"),
        _number("charged_s"),
        _number("rate_micros"),
        _text("line"),
        _number("fee_micros"),
        _text("fee_line"),
        _flag("estimated"),
        _flag("over_limit"),
        _flag("emergency"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_statement_leg_month", "statement_leg", ["tenant", "month"])
    op.create_index("ix_statement_leg_of_month", "statement_leg", ["tenant", "of_month"])


def _one_off() -> None:
    op.create_table(
        "one_off",
        _text("tenant", key=True),
        _ordinal("number"),
        _text("month"),
        _text("kind"),
        _text("reason"),
        _number("amount"),
        _text("currency"),
        _text("actor"),
        _number("at"),
        _text("used_in", null=True),
        sqlite_with_rowid=False,
    )


def _plan_switch_and_cycle() -> None:
    op.create_table(
        "plan_switch",
        _text("tenant", key=True),
        _number("at", key=True),
        _text("before"),
        _text("after"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "billing_cycle",
        _text("invoice", key=True),
        _text("tenant"),
        _text("subscription"),
        _number("begins"),
        _number("ends"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_billing_cycle_tenant", "billing_cycle", ["tenant", "begins"])
