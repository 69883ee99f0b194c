"""Accounts: plans and tenants from a file, one tenant's standing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pbxbilling.accounts.administer import PlanReport, TenantResult
from pbxbilling.accounts.apply import Change, ChangeKind
from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.config.tenants_csv import read_tenants, write_tenants
from pbxbilling.kernel.bounds import read_day
from pbxbilling.subscriptions.daily_check import ACTOR
from pbxbilling.web.api.command import Arguments, Command, Services


async def _apply(services: Services, given: Arguments, actor: str) -> Any:
    file = await asyncio.to_thread(read_accounts, given["text"], given["source"])
    changes = await services.administration.apply(
        file, actor, dry_run=given["dry_run"], reset=given.get("reset", False)
    )
    return [_change(change) for change in changes]


async def _import(services: Services, given: Arguments, actor: str) -> Any:
    file = await asyncio.to_thread(read_tenants, given["text"], given["source"])
    changes = await services.administration.apply(
        file,
        actor,
        dry_run=given["dry_run"],
        reset=given.get("reset", False),
        action="import",
    )
    return [_imported(change) for change in changes]


def _imported(change: Change) -> dict[str, Any]:
    """Without the keys of what is new: a thousand rows of them would hold up the hook."""
    if change.kind is ChangeKind.CHANGED:
        return _change(change)
    return {"subject": change.subject, "kind": change.kind, "fields": (), "notes": change.notes}


async def _export(services: Services, _given: Arguments, _actor: str) -> Any:
    return await asyncio.to_thread(write_tenants, services.administration.declared())


def _change(change: Change) -> dict[str, Any]:
    return {
        "subject": change.subject,
        "kind": change.kind,
        "fields": change.fields,
        "notes": change.notes,
    }


async def _plans(services: Services, _given: Arguments, _actor: str) -> Any:
    return [_plan(report) for report in services.administration.plans()]


async def _plan_detail(services: Services, given: Arguments, _actor: str) -> Any:
    detail = await services.administration.plan(given["plan"])
    return {
        "plan": _plan(detail.plan),
        "tenants": detail.tenants,
        "audit": detail.audit,
        "origins": detail.origins,
    }


def _plan(report: PlanReport) -> dict[str, Any]:
    return {"plan": report.plan, "tenants": report.tenants, **report.settings}


async def _tenants(services: Services, _given: Arguments, _actor: str) -> Any:
    return await services.calls.tenants()


async def _suspend(services: Services, given: Arguments, actor: str) -> Any:
    return await _result(services, await services.administration.suspend(given["tenant"], actor))


async def _activate(services: Services, given: Arguments, actor: str) -> Any:
    return await _result(services, await services.administration.activate(given["tenant"], actor))


async def _trial(services: Services, given: Arguments, actor: str) -> Any:
    until = read_day(given["until"])
    return await _result(
        services, await services.administration.trial(given["tenant"], until, actor)
    )


async def _daily_check(services: Services, given: Arguments, actor: str) -> Any:
    return await services.daily.run(f"{ACTOR} ({actor})", dry_run=given["dry_run"])


async def _result(services: Services, result: TenantResult) -> dict[str, Any]:
    report = await services.calls.reports.report(result.tenant)
    return {"tenant": report, "changed": result.changed, "notes": result.notes}


COMMANDS: Mapping[str, Command] = {
    "apply": Command(_apply, writes=True),
    "plans": Command(_plans),
    "plan": Command(_plan_detail),
    "tenants": Command(_tenants),
    "export": Command(_export),
    "import": Command(_import, writes=True),
    "tenant": Command(lambda services, given, _actor: services.calls.tenant(given["tenant"])),
    "suspend": Command(_suspend, writes=True),
    "activate": Command(_activate, writes=True),
    "trial": Command(_trial, writes=True),
    "daily-check": Command(_daily_check, writes=True),
}
