"""Accounts: plans and tenants from a file, single ones and their status, and what is forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, ConfigDict, JsonValue

from pbxbilling.accounts.administer import PlanReport, TenantResult
from pbxbilling.accounts.apply import ChangeKind
from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.config.tenants_csv import write_tenants
from pbxbilling.identity.permissions import Permission
from pbxbilling.kernel.audit import ActorType, AuditEvent
from pbxbilling.kernel.bounds import read_day
from pbxbilling.kernel.codes import Mode
from pbxbilling.privacy.retention import Chore
from pbxbilling.subscriptions.daily_check import ACTOR
from pbxbilling.web.api.account_files import AccountsText, InProcess
from pbxbilling.web.api.calls import Usage
from pbxbilling.web.api.conditions import TAGGED, ExpectedVersion, tagged
from pbxbilling.web.api.routing import TAKES_LONG, Actor, Pieces, Served, Who, page, reads, written
from pbxbilling.web.api.schema import PAGE, After, DryRun, Limit, Schema, leads_to
from pbxbilling.web.api.services import FileKind, Services
from pbxbilling.web.api.shape import At

LIMIT_S = 20.0  # of a purge: the caller waits for the answer; the nightly one may take longer

router = APIRouter(tags=["accounts"])

Day = Annotated[str, BeforeValidator(lambda text: read_day(str(text)).isoformat())]


class FieldChange(Schema):
    """One key of a plan or tenant, as it was and as it becomes."""

    key: str
    before: Any
    after: Any
    reset: bool


class AccountChange(Schema):
    """The change that a file makes to one plan or tenant."""

    subject: str
    kind: ChangeKind
    fields: list[FieldChange]
    notes: list[str]


class Plan(Schema):
    """A plan in the keys of the accounts file, with the number of tenants that have it."""

    model_config = ConfigDict(extra="allow")

    plan: str
    tenants: int


class AuditRow(Schema):
    """One audit record; `before` or `after` is null where nothing existed. See `/audit`."""

    at: datetime
    event: AuditEvent | None
    action: str
    subject: str
    tenant: str | None
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None
    actor_type: ActorType
    actor: str
    actor_id: str
    address: str
    request: str
    reason: str


class KeyOrigin(Schema):
    """What set a key last; a key without an origin was set by the file."""

    kind: str
    slug: str
    key: str
    by: SetBy
    at: datetime


class PlanDetail(Schema):
    """One plan with its tenants, its last ten changes and the origins of its keys."""

    plan: Plan
    tenants: list[str]
    audit: list[AuditRow]
    origins: list[KeyOrigin]


class Tenant(Schema):
    """A tenant with its load; the load is null while no daemon runs."""

    tenant: str
    plan: str
    plan_active: bool
    status: Status
    mode: Mode
    calls: int | None
    max_calls: int | None
    trunk_legs: int | None
    extensions: int
    subscription: str | None
    renews_at: datetime | None
    blocks: list[Blocker]
    block_reasons: dict[Blocker, str]


class Limits(Schema):
    """The limits in force; null is unlimited."""

    model_config = ConfigDict(extra="allow")

    max_calls: int | None


class TenantDetail(Schema):
    """One tenant with this period's usage and its last ten changes."""

    tenant: Tenant
    settings: dict[str, Any]
    limits: Limits
    usage: Usage
    audit: list[AuditRow]
    origins: list[KeyOrigin]


class TenantDone(Schema):
    """A tenant after a change; `notes` explain effects that one would not expect."""

    tenant: Tenant
    changed: bool
    notes: list[str]


class Trial(Schema):
    """The last day of a trial, in the tenant's time zone."""

    until: Day


class TransitionDue(Schema):
    """A transition of a tenant's status that the clock makes due."""

    tenant: str
    turn: Annotated[Transition, At("transition")]
    before: Status
    after: Status
    since: datetime | None


class DailyCheck(Schema):
    """The transitions that the daily check found; `booked` is false for a dry run."""

    at: datetime
    last: datetime | None
    turns: Annotated[list[TransitionDue], At("transitions")]
    notices: list[str]
    booked: bool


class Purge(Schema):
    """Rows purged, or due for purging, by chore; `complete` is false where more are due."""

    rows: dict[Chore, int]
    complete: bool
    purged: bool


class Forgotten(Schema):
    """A forgotten tenant: how many rows had their numbers cut; `notes` say what stays and why."""

    tenant: str
    rows: int
    notes: list[str]


@router.put("/accounts", response_model=list[AccountChange], openapi_extra=reads(AccountsText))
async def apply(services: Served, actor: Actor, request: Request) -> Response:
    """Make plans and tenants match a TOML file, all or nothing."""
    return await _applied(services, FileKind.TOML, request, actor)


@router.put(
    "/accounts/tenants.csv",
    response_model=list[AccountChange],
    openapi_extra=reads(AccountsText),
)
async def import_tenants(services: Served, actor: Actor, request: Request) -> Response:
    """Make tenants match a CSV file, all or nothing; new tenants are listed without their keys."""
    return await _applied(services, FileKind.CSV, request, actor)


@router.get("/accounts/tenants.csv", response_model=str, openapi_extra=TAKES_LONG)
async def export_tenants(services: Served) -> Response:
    """Return all tenants as the text of a CSV file."""
    return await written(await asyncio.to_thread(write_tenants, services.administration.declared()))


@router.get(
    "/plans",
    response_model=list[Plan],
    responses=leads_to({"plan": "$response.body#/0/plan"}, ("GET", "/plans/{plan}")),
)
async def plans(services: Served) -> Response:
    """List plans in display order."""
    return await written([_plan(report) for report in services.administration.plans()])


@router.get("/plans/{plan}", response_model=PlanDetail)
async def plan_detail(services: Served, plan: str) -> Response:
    """Show one plan."""
    detail = await services.administration.plan(plan)
    return await written(
        {
            "plan": _plan(detail.plan),
            "tenants": detail.tenants,
            "audit": detail.audit,
            "origins": detail.origins,
        }
    )


@router.get(
    "/tenants",
    response_model=list[Tenant],
    responses=leads_to(
        {"tenant": "$response.body#/0/tenant"},
        ("GET", "/tenants/{tenant}"),
        ("GET", "/tenants/{tenant}/limits"),
        ("GET", "/tenants/{tenant}/billing"),
        ("PUT", "/tenants/{tenant}/suspension"),
        ("DELETE", "/tenants/{tenant}/suspension"),
    ),
)
async def tenants(
    services: Served,
    principal: Who,
    request: Request,
    after: After = None,
    limit: Limit = PAGE,
) -> Response:
    """List tenants by slug."""
    if principal.tenant is not None:
        return await written([(await services.calls.tenant(principal.tenant)).tenant])
    rows = await services.calls.tenants(after, limit)
    return await page(request, rows, limit, lambda row: row.tenant)


@router.get("/tenants/{tenant}", response_model=TenantDetail, responses=TAGGED)
async def tenant_detail(services: Served, principal: Who, tenant: str) -> Response:
    """Show one tenant; `audit` is empty for whoever may not read the audit trail."""
    detail = await services.calls.tenant(tenant)
    if Permission.AUDIT_READ not in principal.permissions:
        detail = replace(detail, audit=())
    return tagged(await written(detail), detail.settings)


@router.put("/tenants/{tenant}/suspension", response_model=TenantDone)
async def suspend(services: Served, actor: Actor, tenant: str) -> Response:
    """Block a tenant's calls to and from outside."""
    return await _done(services, await services.administration.suspend(tenant, actor))


@router.delete("/tenants/{tenant}/suspension", response_model=TenantDone)
async def activate(services: Served, actor: Actor, tenant: str) -> Response:
    """Lift the operator's block, and only that."""
    return await _done(services, await services.administration.activate(tenant, actor))


@router.put("/tenants/{tenant}/trial", response_model=TenantDone)
async def trial(
    services: Served, actor: Actor, expected: ExpectedVersion, tenant: str, trial: Trial
) -> Response:
    """Put a tenant on trial to the end of a day."""
    until = read_day(trial.until)
    done = await services.administration.trial(tenant, until, actor, expected.check)
    return await _done(services, done)


@router.post("/daily-check", response_model=DailyCheck)
async def daily_check(services: Served, actor: Actor, given: DryRun) -> Response:
    """Book the trials and grace windows that have ended."""
    by = replace(actor, name=f"{ACTOR} ({actor})")
    report = await services.daily.run(by, dry_run=given.dry_run)
    return await written(report, DailyCheck)


@router.post("/purge", response_model=Purge)
async def purge(services: Served, given: DryRun) -> Response:
    """Purge what is past its retention time, for at most 20 seconds."""
    if given.dry_run:
        rows = await services.purge.preview()
        return await written({"rows": rows, "complete": False, "purged": False})
    purged = await services.purge.run(LIMIT_S)
    return await written({"rows": purged.rows, "complete": purged.complete, "purged": True})


@router.delete("/tenants/{tenant}/personal-data", response_model=Forgotten)
async def forget(services: Served, actor: Actor, tenant: str) -> Response:
    """Delete the contacts and numbers of a cancelled tenant; its statements stay."""
    return await written(await services.forgetter.forget(tenant, actor))


async def _applied(services: Services, kind: FileKind, request: Request, actor: Actor) -> Response:
    files = services.files or InProcess(services.administration)
    return Pieces(await files.apply(kind, request.stream(), actor))


def _plan(report: PlanReport) -> dict[str, Any]:
    return {"plan": report.plan, "tenants": report.tenants, **report.settings}


async def _done(services: Services, result: TenantResult) -> Response:
    report = await services.calls.reports.report(result.tenant)
    return await written({"tenant": report, "changed": result.changed, "notes": result.notes})
