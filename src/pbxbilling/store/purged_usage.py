"""Adds up usage, both of stored legs and of purged ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, func, literal_column, select, union_all

from pbxbilling.store import schema
from pbxbilling.store.rows.values import inserting

_SUMS = ("calls", "talk_us", "billed_s", "allowance_s")


def usage_query(tenant: str | None, month: str | None) -> Select[Any]:
    """Sum usage by tenant, month and direction, purged legs included."""
    past = schema.purged_usage.c
    gone = select(
        func.nullif(past.tenant, "").label("tenant"),
        past.month,
        past.direction,
        *(past[name] for name in _SUMS),
    )
    there = _added_up()
    if tenant is not None:
        there, gone = there.where(schema.leg.c.tenant == tenant), gone.where(past.tenant == tenant)
    if month is not None:
        there, gone = there.where(schema.leg.c.month == month), gone.where(past.month == month)
    both = union_all(there, gone).subquery()
    group = (both.c.tenant, both.c.month, both.c.direction)
    query = select(*group, *(func.sum(both.c[name]).label(name) for name in _SUMS))
    return query.group_by(*group).order_by(group[0].nulls_first(), *group[1:])


def _added_up() -> Select[Any]:
    leg = schema.leg.c
    return (
        select(
            leg.tenant,
            leg.month,
            leg.direction,
            func.count().label("calls"),
            func.sum(leg.talk_us).label("talk_us"),
            func.sum(leg.billed_s).label("billed_s"),
            func.sum(leg.allowance_s).label("allowance_s"),
        )
        .where(schema.LEG_USED)
        .group_by(leg.tenant, leg.month, leg.direction)
    )


def adding_usage(going: ColumnElement[bool], dialect: str) -> Executable:
    """Add the usage of the legs about to be purged (`going`) to `purged_usage`."""
    leg, table = schema.leg.c, schema.purged_usage
    used = select(
        func.coalesce(leg.tenant, ""),
        leg.month,
        leg.direction,
        literal_column("1"),
        leg.talk_us,
        leg.billed_s,
        leg.allowance_s,
    ).where(schema.LEG_USED, going)
    new = inserting(dialect, table).from_select([column.name for column in table.c], used)
    added = {name: table.c[name] + new.excluded[name] for name in _SUMS}
    return new.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)
