"""Statements, the calls on them, one-off lines, and changes of plan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from pbxbilling.billing.records import OneOffEntry, SavedStatement
from pbxbilling.billing.statements.document import as_json
from pbxbilling.billing.statements.issue import Issued
from pbxbilling.billing.statements.lookup import CallList
from pbxbilling.billing.statements.plan_change import PlanChangeReport
from pbxbilling.billing.statements.statement import StatementKind
from pbxbilling.kernel.money import from_minor
from pbxbilling.web.api.command import Arguments, Command, Services
from pbxbilling.web.api.given import instant, period
from pbxbilling.web.api.shape import plain


async def _preview(services: Services, given: Arguments, _actor: str) -> Any:
    issued = await services.billing.statements.preview(given["tenant"], period(given))
    return await asyncio.to_thread(_issued, issued)


async def _save(services: Services, given: Arguments, actor: str) -> Any:
    return _listed(await services.billing.statements.save_now(given["tenant"], actor))


async def _show(services: Services, given: Arguments, _actor: str) -> Any:
    archive = services.billing.lookup
    issued = await archive.show(given["tenant"], period(given), given["number"])
    return await asyncio.to_thread(_issued, issued)


async def _statements(services: Services, given: Arguments, _actor: str) -> Any:
    found = await services.billing.lookup.listed(given["tenant"], period(given))
    return [_listed(saved) for saved in found]


async def _records(services: Services, given: Arguments, _actor: str) -> Any:
    calls = await services.billing.lookup.calls(given["tenant"], period(given), given["line"])
    return await asyncio.to_thread(_calls, calls)


async def _add(services: Services, given: Arguments, actor: str) -> Any:
    entry = await services.billing.one_offs.add(
        given["tenant"], given["kind"], given["amount"], given["reason"], actor, period(given)
    )
    return _one_off(entry)


async def _one_offs(services: Services, given: Arguments, _actor: str) -> Any:
    return [_one_off(one) for one in await services.billing.one_offs.of(given["tenant"])]


async def _change_plan(services: Services, given: Arguments, actor: str) -> Any:
    at = instant(given, "at")
    report = await services.billing.plan_changes.change(
        given["tenant"], given["plan"], at, actor, dry_run=given["dry_run"]
    )
    return _changed(report)


def _calls(calls: CallList) -> bytes:
    return orjson.dumps(plain(calls))


def _issued(issued: Issued) -> bytes:
    """A statement as it is written, with its number (null for a preview) and what to know of it."""
    written = as_json(issued.statement)
    return orjson.dumps({**written, "number": issued.number, "notices": issued.notices})


def _listed(saved: SavedStatement) -> dict[str, Any]:
    kind = StatementKind.FINAL if saved.is_final else StatementKind.INTERIM
    return {
        "tenant": saved.tenant,
        "month": saved.month,
        "number": saved.number,
        "kind": kind.value,
        "begins_at": saved.begins,
        "ends_at": saved.ends,
        "made_at": saved.made_at,
        "currency": saved.currency,
        "net": from_minor(saved.net, saved.currency),
        "tax": from_minor(saved.tax, saved.currency),
        "total": from_minor(saved.total, saved.currency),
    }


def _one_off(entry: OneOffEntry) -> dict[str, Any]:
    return {**plain(entry), "amount": from_minor(entry.amount, entry.currency)}


def _changed(report: PlanChangeReport) -> dict[str, Any]:
    amounts = ("credit", "charge", "difference")
    return {
        **plain(report),
        **{name: from_minor(getattr(report, name), report.currency) for name in amounts},
    }


COMMANDS: Mapping[str, Command] = {
    "statement-preview": Command(_preview),
    "statement-save": Command(_save, writes=True),
    "statement-show": Command(_show),
    "statements": Command(_statements),
    "records": Command(_records),
    "oneoff-add": Command(_add, writes=True),
    "oneoffs": Command(_one_offs),
    "plan-change": Command(_change_plan, writes=True),
}
