"""Adds up usage, both of stored legs and of purged ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, func, select, true, union_all

from pbxbilling.store import schema
from pbxbilling.store.rows.dialects import inserting, total

_SUMS = ("calls", "talk_us", "billed_s", "allowance_s")


def usage_query(tenants: Sequence[str] | None, month: str | None) -> Select[Any]:
    """Sum usage by tenant, month and direction, purged legs included; None: no filter."""
    past = schema.purged_usage.c
    gone = select(
        func.nullif(past.tenant, "").label("tenant"),
        past.month,
        past.direction,
        *(past[name] for name in _SUMS),
    )
    there = _added_up()
    if tenants is not None:
        there = there.where(schema.leg.c.tenant.in_(tenants))
        gone = gone.where(past.tenant.in_(tenants))
    if month is not None:
        there, gone = there.where(schema.leg.c.month == month), gone.where(past.month == month)
    both = union_all(there, gone).subquery()
    group = (both.c.tenant, both.c.month, both.c.direction)
    query = select(*group, *(total(both.c[name]).label(name) for name in _SUMS))
    return query.group_by(*group).order_by(group[0].nulls_first(), *group[1:])


def _added_up() -> Select[Any]:
    leg = schema.leg.c
    return (
        select(
            leg.tenant,
            leg.month,
            leg.direction,
            func.count().label("calls"),
            total(leg.talk_us).label("talk_us"),
            total(leg.billed_s).label("billed_s"),
            total(leg.allowance_s).label("allowance_s"),
        )
        .where(schema.LEG_USED)
        .group_by(leg.tenant, leg.month, leg.direction)
    )


def adding_usage(going: ColumnElement[bool], dialect: str) -> Executable:
    """Add the usage of the legs about to be purged (`going`) to `purged_usage`."""
    table, used = schema.purged_usage, _added_up().where(going).subquery().c
    used_by_name = select(func.coalesce(used.tenant, ""), *(c for c in used if c.name != "tenant"))
    # https://www.sqlite.org/lang_upsert.html: without a WHERE, ON would belong to a join
    used_by_name = used_by_name.where(true())
    new = inserting(dialect, table).from_select([column.name for column in table.c], used_by_name)
    added = {name: table.c[name] + new.excluded[name] for name in _SUMS}
    return new.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)
