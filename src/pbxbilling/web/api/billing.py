"""Billing: statements, the calls on them, one-off lines, changes of plan, figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict

from pbxbilling.accounts.terms.status import Status
from pbxbilling.billing.facts import UsageResult
from pbxbilling.billing.figures import CurrencyFigures
from pbxbilling.billing.rated_calls import RatedCall as Rated
from pbxbilling.billing.rated_calls import Wanted
from pbxbilling.billing.rating.rating import LegEnd
from pbxbilling.billing.records import OneOffEntry, SavedStatement, StatementKey
from pbxbilling.billing.statements.document import as_json
from pbxbilling.billing.statements.issue import Issued
from pbxbilling.billing.statements.plan_change import PlanChangeReport
from pbxbilling.billing.statements.statement import StatementKind
from pbxbilling.documents.csv_files import records_csv
from pbxbilling.kernel.bounds import LAST_INSTANT
from pbxbilling.kernel.errors import AdministrationError, NeedsDaemonError
from pbxbilling.kernel.money import from_minor
from pbxbilling.web.api.calls import LegAfter, Usage, key_of_leg, leg_key
from pbxbilling.web.api.conditions import OnlyOnce
from pbxbilling.web.api.payments import GatewayInvoice, Subscription, invoice_row
from pbxbilling.web.api.problems import title_of
from pbxbilling.web.api.routing import (
    NEEDS_DAEMON,
    TAKES_LONG,
    Actor,
    ForTenant,
    Served,
    Who,
    page,
    reads,
    written,
)
from pbxbilling.web.api.schema import (
    AFTER,
    NO_KEY,
    PAGE,
    After,
    Instant,
    Limit,
    Month,
    Period,
    Schema,
    leads_to,
    read_by,
)
from pbxbilling.web.api.shape import At, plain, shaped
from pbxbilling.web.usage import UsageBody

AMOUNTS = ("mrr", "trial_mrr", "unpaid", "churned_mrr", "usage", "overage")
COUNTS = ("paying", "trials", "past_due", "unpaid_invoices", "churned")

router = APIRouter(tags=["billing"])


def _statement_key(text: str) -> StatementKey:
    tenant, month, number = text.rsplit("~", 2)
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise ValueError(NO_KEY)
    return StatementKey(tenant, month, int(number))


StatementAfter = Annotated[str, read_by(_statement_key), AFTER]


class Statement(Schema):
    """A complete statement: amounts in minor units; `number` null for a preview.

    docs/reference/billing.md says what its parts are.
    """

    model_config = ConfigDict(extra="allow")

    tenant: str
    month: str
    begins_at: datetime
    ends_at: datetime
    kind: StatementKind
    made_at: datetime
    currency: str
    demo: bool
    net_minor: int
    tax_minor: int
    total_minor: int
    lines: list[dict[str, Any]]
    payer: dict[str, Any]
    tariffs: list[dict[str, Any]]
    legs: list[dict[str, Any]]
    late: list[dict[str, Any]]
    number: int | None
    notices: list[str]


class ListedStatement(Schema):
    """A saved statement in a list: amounts as decimals; the final one has number 0."""

    tenant: str
    month: str
    number: int
    kind: StatementKind
    begins_at: datetime
    ends_at: datetime
    made_at: datetime
    currency: str
    net: str
    tax: str
    total: str


class BilledCall(Schema):
    """A leg on a statement: its usage, its cost and its line."""

    leg: Annotated[str, At("billed.key")]
    line: Annotated[str, At("billed.rated.line")]
    fee_line: Annotated[str, At("billed.rated.fee_line")]
    direction: Annotated[str, At("billed.rated.leg.direction")]
    caller: str | None
    number: Annotated[str, At("billed.rated.leg.number")]
    call: str | None
    answered_at: datetime | None
    ended_at: Annotated[datetime, At("billed.rated.leg.ended_at")]
    talk_us: Annotated[int, At("billed.rated.leg.talk_us")]
    billed_s: Annotated[int, At("billed.rated.billed_s")]
    included_s: Annotated[int, At("billed.rated.included_s")]
    charged_s: Annotated[int, At("billed.rated.charged_s")]
    rate_micros: Annotated[int, At("billed.rated.rate_micros")]
    fee_micros: Annotated[int, At("billed.rated.fee_micros")]
    of_month: Annotated[str, At("billed.of_month")]
    estimated: Annotated[bool, At("billed.rated.leg.estimated")]
    over_limit: Annotated[bool, At("billed.rated.leg.over_limit")]
    emergency: Annotated[bool, At("billed.rated.leg.emergency")]


class CallList(Schema):
    """The calls of a statement in the order of their ends."""

    tenant: str
    month: str
    number: int | None
    currency: str
    calls: list[BilledCall]


class UsageAnswer(Schema):
    """What became of units; `reason` says why they were not counted."""

    result: UsageResult
    reason: str | None = None


class RatedCall(BilledCall):
    """A leg as it is rated; `statement` is the number of the final one, null where none is yet."""

    month: Annotated[str, At("billed.month")]
    statement: int | None
    currency: str


class Money(Schema):
    """An amount in major units, as "29.00"."""

    amount: str
    currency: str


class UpcomingCharges(Schema):
    """What the statement of the current period comes to so far."""

    month: str
    begins_at: datetime
    ends_at: datetime
    net: Money
    tax: Money
    total: Money


class TenantBilling(Schema):
    """What a tenant has, uses and will pay; without a subscription that is null."""

    current_subscription: Subscription | None
    recent_invoices: list[GatewayInvoice]
    current_period_usage: Usage
    upcoming_charges: UpcomingCharges


class NewOneOff(Schema):
    """A line to add: `amount` net, such as 5.00, in the currency of the tenant's plan."""

    kind: str
    amount: str
    reason: str
    month: Period | None = None


class OneOff(Schema):
    """A one-off line; `used_in` is the final statement that contains it."""

    tenant: str
    number: int
    month: str
    kind: str
    reason: str
    amount: str
    currency: str
    actor: str
    at: datetime
    used_in: str | None


class NewPlan(Schema):
    """A change to another plan at `at`, a moment of the open period; null: now."""

    plan: str
    at: Instant | None = None
    dry_run: bool = False


class PlanChange(Schema):
    """The cost of another plan in the open period; `committed` is false for a preview."""

    tenant: str
    month: str
    at: datetime
    before: str
    after: str
    currency: str
    credit: str
    charge: str
    difference: str
    included_minutes_before: int | None
    included_minutes_after: int | None
    committed: bool


class Currency(Schema):
    """The figures of one currency: amounts as decimals."""

    currency: str
    mrr: str
    trial_mrr: str
    unpaid: str
    churned_mrr: str
    usage: str
    overage: str
    paying: int
    trials: int
    past_due: int
    unpaid_invoices: int
    churned: int


class Figures(Schema):
    """Business figures, of now and of a month."""

    at: datetime
    month: str
    currencies: list[Currency]


class TenantFigures(Schema):
    """What one tenant adds to the figures of a currency: amounts as decimals."""

    tenant: str
    status: Status
    currency: str
    mrr: str
    trial_mrr: str
    unpaid: str
    unpaid_invoices: int
    churned_mrr: str
    usage: str
    overage: str


class MeterUnits(Schema):
    """The units of one meter; `name` is what statements call it, "" where the plan lacks it."""

    meter: str
    name: str
    units: int


class Units(Schema):
    """The units that other programs have sent for a tenant in a period, by meter."""

    tenant: str
    month: str
    begins_at: datetime
    ends_at: datetime
    meters: list[MeterUnits]


class Difference(Schema):
    """A closed period whose statement and meter events have other minutes."""

    model_config = ConfigDict(extra="allow")

    tenant: str
    month: str
    difference: Any


@router.get(
    "/tenants/{tenant}/statements/preview", response_model=Statement, openapi_extra=TAKES_LONG
)
async def preview(services: Served, tenant: str, month: Period | None = None) -> Response:
    """Preview the statement of an open period; by default the current one."""
    return await _whole(await services.billing.statements.preview(tenant, month))


@router.get("/tenants/{tenant}/statement", response_model=Statement, openapi_extra=TAKES_LONG)
async def show(
    services: Served, tenant: str, month: Period | None = None, number: int = 0
) -> Response:
    """Show a saved statement; by default the last final one."""
    return await _whole(await services.billing.lookup.show(tenant, month, number))


@router.post(
    "/tenants/{tenant}/statements",
    response_model=ListedStatement,
    responses=leads_to(
        {
            "tenant": "$response.body#/tenant",
            "month": "$response.body#/month",
            "number": "$response.body#/number",
        },
        ("GET", "/tenants/{tenant}/statement"),
    ),
)
async def save(services: Served, actor: Actor, once: OnlyOnce, tenant: str) -> Response:
    """Save an interim copy of the current period."""
    statements = services.billing.statements
    return await once.do(lambda also: statements.save_now(tenant, actor, also), _listed)


@router.get("/statements", response_model=list[ListedStatement])
async def statements(
    services: Served,
    request: Request,
    tenant: ForTenant,
    month: Period | None = None,
    after: StatementAfter | None = None,
    limit: Limit = PAGE,
) -> Response:
    """List saved statements by tenant, period and number."""
    last = None if after is None else _statement_key(after)
    found = await services.billing.lookup.listed(tenant, month, last, limit)
    rows = [_listed(saved) for saved in found]
    return await page(
        request, rows, limit, lambda row: f"{row['tenant']}~{row['month']}~{row['number']}"
    )


@router.get("/tenants/{tenant}/statement/calls", response_model=CallList, openapi_extra=TAKES_LONG)
async def calls_on_statement(
    services: Served, tenant: str, month: Period | None = None, line: str | None = None
) -> Response:
    """List the calls on a statement, saved or previewed; `line` limits them to one line."""
    return await written(await services.billing.lookup.calls(tenant, month, line), CallList)


@router.get(
    "/records",
    response_model=list[RatedCall],
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def records(
    services: Served,
    request: Request,
    tenant: ForTenant,
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query(alias="to")] = None,
    after: LegAfter | None = None,
    limit: Limit = PAGE,
) -> Response:
    """List a tenant's legs that ended in [from, to), as rated; `Accept: text/csv` for a table.

    By default from the begin of the current period on. A table is whole, a list in pages.
    """
    if tenant is None:
        raise AdministrationError("tenant: name the one whose records you want")
    last = None if after is None else LegEnd(*leg_key(after))
    wanted, rated = Wanted(since, until or LAST_INSTANT, last), services.billing.rated_calls
    if "text/csv" in request.headers.get("accept", ""):
        parts = rated.parts(tenant, replace(wanted, after=None))
        first = await anext(parts, ())  # what is refused is refused before the answer begins
        return StreamingResponse(_table(tenant, first, parts), media_type="text/csv")
    some = await rated.some(tenant, wanted, limit)
    return await page(request, some, limit, lambda one: key_of_leg(*one.end), RatedCall)


async def _table(
    tenant: str, first: Sequence[Rated], parts: AsyncIterator[Sequence[Rated]]
) -> AsyncIterator[str]:
    yield await asyncio.to_thread(_as_csv, tenant, first, with_head=True)
    async for part in parts:
        yield await asyncio.to_thread(_as_csv, tenant, part, with_head=False)


def _as_csv(tenant: str, calls: Sequence[Rated], *, with_head: bool) -> str:
    rows = ({**shaped(RatedCall, one), "tenant": tenant} for one in calls)
    return records_csv(rows, with_head=with_head)


@router.get("/tenants/{tenant}/billing", response_model=TenantBilling, openapi_extra=TAKES_LONG)
async def tenant_billing(services: Served, tenant: str) -> Response:
    """Show what a tenant has, uses and will pay; the charges are those of the preview."""
    found = await services.billing.overview.of(tenant)
    statement = found.upcoming.statement
    return await written(
        {
            "current_subscription": found.subscription and shaped(Subscription, found.subscription),
            "recent_invoices": [invoice_row(one) for one in found.invoices],
            "current_period_usage": plain(found.usage),
            "upcoming_charges": {
                "month": statement.period.month,
                "begins_at": statement.period.begins,
                "ends_at": statement.period.ends,
                "net": _money(statement.net, statement.currency),
                "tax": _money(statement.tax, statement.currency),
                "total": _money(statement.total, statement.currency),
            },
        }
    )


def _money(amount: int, currency: str) -> dict[str, str]:
    return {"amount": from_minor(amount, currency), "currency": currency}


@router.post(
    "/usage",
    response_model=UsageAnswer,
    openapi_extra={**NEEDS_DAEMON, **reads(UsageBody)},
    responses={
        status: {"model": UsageAnswer, "description": title_of(status)}
        for status in (400, 403, 409, 413, 422, 503)
    },
)
async def count_usage(services: Served, principal: Who, request: Request) -> Response:
    """Count units of a named meter; a reference counts once, however often it is sent."""
    if services.usage is None:
        raise NeedsDaemonError("units are counted by the daemon, which does not run")
    if (forbidden := services.usage.why_not(principal)) is not None:
        answer = services.usage.refuse(UsageResult.FORBIDDEN, forbidden)
    else:
        answer = await services.usage.receive(await request.body(), principal)
    return Response(answer.body, answer.status, media_type="application/json")


@router.post(
    "/tenants/{tenant}/one-offs",
    response_model=OneOff,
    responses=leads_to(
        {"tenant": "$response.body#/tenant"},
        ("GET", "/tenants/{tenant}/one-offs"),
        ("GET", "/tenants/{tenant}/statements/preview"),
    ),
)
async def add_one_off(
    services: Served, actor: Actor, once: OnlyOnce, tenant: str, line: NewOneOff
) -> Response:
    """Add a fee, discount or credit to a period that is not closed."""
    one_offs = services.billing.one_offs
    return await once.do(
        lambda also: one_offs.add(
            tenant, line.kind, line.amount, line.reason, actor, line.month, also=also
        ),
        _one_off,
    )


@router.get("/tenants/{tenant}/one-offs", response_model=list[OneOff])
async def one_offs(services: Served, tenant: str) -> Response:
    """List a tenant's one-off lines by number."""
    return await written([_one_off(one) for one in await services.billing.one_offs.of(tenant)])


@router.post("/tenants/{tenant}/plan-changes", response_model=PlanChange)
async def change_plan(
    services: Served, actor: Actor, once: OnlyOnce, tenant: str, change: NewPlan
) -> Response:
    """Change a tenant's plan at a moment of its open period."""
    plan_changes = services.billing.plan_changes
    return await once.do(
        lambda also: plan_changes.change(
            tenant, change.plan, change.at, actor, dry_run=change.dry_run, also=also
        ),
        _plan_change,
    )


@router.get("/figures", response_model=Figures, openapi_extra=TAKES_LONG)
async def figures(services: Served, month: Month | None = None) -> Response:
    """Show recurring revenue, trials and missed payments of now; usage and churn of a month."""
    taken = await services.figures.take(month)
    currencies = [_currency(one) for one in taken.currencies]
    return await written({"at": taken.at, "month": taken.month, "currencies": currencies})


@router.get("/figures/tenants", response_model=list[TenantFigures], openapi_extra=TAKES_LONG)
async def figures_by_tenant(
    services: Served,
    request: Request,
    month: Month | None = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Response:
    """Show what each tenant adds to the figures, by slug; demo tenants add nothing."""
    rows = [
        {"tenant": one.tenant, "status": one.status, **_currency(one.figures)}
        for one in await services.figures.by_tenant(month, after, limit)
    ]
    rows = [{name: row[name] for name in TenantFigures.model_fields} for row in rows]
    return await page(request, rows, limit, lambda row: row["tenant"])


@router.get("/tenants/{tenant}/units", response_model=Units)
async def units(services: Served, tenant: str, month: Month | None = None) -> Response:
    """Show the units that other programs have sent for a tenant, by meter."""
    return await written(await services.billing.units.of(tenant, month))


@router.get("/figures/differences", response_model=list[Difference], openapi_extra=TAKES_LONG)
async def differences(services: Served, month: Period) -> Response:
    """List closed periods whose statement and meter events have other minutes."""
    periods = await services.comparison.periods(month)
    return await written(
        [{**plain(one), "difference": one.difference} for one in periods if one.difference]
    )


async def _whole(issued: Issued) -> Response:
    return Response(await asyncio.to_thread(_json, issued), media_type="application/json")


def _json(issued: Issued) -> bytes:
    """Encode a statement as it is stored, with its number and notices."""
    kept = as_json(issued.statement)
    return orjson.dumps({**kept, "number": issued.number, "notices": issued.notices})


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


def _plan_change(report: PlanChangeReport) -> dict[str, Any]:
    amounts = ("credit", "charge", "difference")
    return {
        **plain(report),
        **{name: from_minor(getattr(report, name), report.currency) for name in amounts},
    }


def _currency(one: CurrencyFigures) -> dict[str, Any]:
    amounts = {name: from_minor(getattr(one, name), one.currency) for name in AMOUNTS}
    return {"currency": one.currency, **amounts, **{name: getattr(one, name) for name in COUNTS}}
