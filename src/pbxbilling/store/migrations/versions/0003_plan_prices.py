"""A plan's price per cycle, its fees, features, place in the list; named price ids.

No included minutes are 0 from here on: NULL is unlimited, as for every other limit.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_OBJECT = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Add the columns; what was the price becomes that of a month."""
    _add_columns()
    if op.get_bind().dialect.name == "sqlite":  # the only one that had plans by then
        _move_prices()
    with op.batch_alter_table("plan") as plan:
        plan.drop_column("price_minor")


def _move_prices() -> None:
    op.execute("UPDATE plan SET included_minutes = 0 WHERE included_minutes IS NULL")
    op.execute("UPDATE plan SET prices = json_object('month', price_minor) WHERE price_minor > 0")
    op.execute(
        "UPDATE plan SET stripe_prices = json_object("
        "'flat', coalesce(stripe_prices->>'flat', stripe_prices->>'monthly', ''),"
        " 'yearly', coalesce(stripe_prices->>'yearly', ''),"
        " 'metered', coalesce(stripe_prices->>'metered', ''),"
        " 'setup', coalesce(stripe_prices->>'setup', ''))"
    )


def _add_columns() -> None:
    with op.batch_alter_table("plan") as plan:
        for name, kind, unset in (
            ("description", sa.String, ""),
            ("prices", _OBJECT, "{}"),
            ("setup_fee", sa.BigInteger, "0"),
            ("price_per_call_micros", sa.BigInteger, "0"),
            ("features", _OBJECT, "[]"),
            ("recommended", sa.Boolean, sa.false()),
            ("sort_order", sa.Integer, "0"),
        ):
            plan.add_column(sa.Column(name, kind, nullable=False, server_default=unset))
