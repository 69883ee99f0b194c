"""Payments: checkout links, subscriptions, cancellations, usage on its way to the gateway."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from pbxbilling.accounts.terms.status import Status
from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.catalog.plan import Cycle
from pbxbilling.identity.permissions import Permission
from pbxbilling.kernel.money import from_minor
from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.subscriptions.events import EventState, WebhookEvent
from pbxbilling.subscriptions.order import Wish
from pbxbilling.subscriptions.subscription import Invoice
from pbxbilling.web.api.conditions import OnlyOnce
from pbxbilling.web.api.rights import ForbiddenError
from pbxbilling.web.api.routing import (
    NEEDS_GATEWAY,
    Actor,
    ForTenant,
    Served,
    Who,
    following,
    page,
    written,
)
from pbxbilling.web.api.schema import PAGE, After, Limit, Period, Schema
from pbxbilling.web.api.shape import At

# Every route queries the gateway, or shows what the daemon received from it.
router = APIRouter(tags=["payments"])


class NewCheckout(Schema):
    """A plan for a tenant to buy."""

    plan: str
    cycle: Cycle = Cycle.MONTH
    trial_days: Annotated[int, Field(ge=0, le=730)] | None = Field(
        None, description="In place of the configured days; an operator's to choose."
    )
    success_url: str | None = Field(None, description="Where buyers come back, on a known host.")
    cancel_url: str | None = Field(None, description="Where they come back without having bought.")


class NewPortal(Schema):
    """Where people come back to from the portal; null: to the configured page."""

    return_url: str | None = None


NOWHERE_ELSE = NewPortal()


class Offer(Schema):
    """A link at which a tenant can buy a plan, until it expires."""

    tenant: str
    plan: str
    cycle: Cycle
    url: str
    expires_at: datetime
    customer: str
    trial_days: int
    with_setup: bool
    live: bool


class PortalLink(Schema):
    """A link to the portal where a tenant manages its subscription; it expires within minutes."""

    tenant: str
    customer: str
    url: str


class Subscription(Schema):
    """A subscription as last fetched from the gateway; `live` is false in test mode.

    `cancel_at_period_end` says that it is set to end, `ends_at` when it ends or ended.
    """

    subscription: Annotated[str, At("id")]
    customer: str
    status: Status
    prices: list[str]
    created_at: datetime
    as_of: datetime
    live: bool
    tenant: str | None
    status_since: datetime | None
    trial_until: datetime | None
    period_begins_at: Annotated[datetime | None, At("period_start")]
    period_ends_at: Annotated[datetime | None, At("period_end")]
    cancel_at_period_end: bool
    ends_at: datetime | None
    with_setup: bool


class SubscriptionDone(Schema):
    """A subscription after a change, with notes about it."""

    subscription: Subscription
    notes: list[str]


class Cancellation(Schema):
    """When a subscription ends: with its period, or `now`."""

    now: bool = False


class SubscriptionOwner(Schema):
    """The tenant that a subscription is linked to."""

    tenant: str


class GatewayInvoice(Schema):
    """An invoice of the gateway; its status is the gateway's own word."""

    invoice: str
    number: str
    tenant: str | None
    subscription: str | None
    customer: str
    status: str
    total: str
    currency: str
    created_at: datetime
    paid_at: datetime | None
    page_url: str
    live: bool


class ParkedEvent(Schema):
    """A webhook event that could not be applied yet, without its body, which contains addresses."""

    event: str
    kind: str
    about: str
    state: EventState
    attempts: int
    created_at: datetime
    waits_for: str


class UsageEvent(Schema):
    """The usage of one leg on its way to the gateway's meter."""

    leg: str
    tenant: str
    month: str
    ended_at: datetime
    minutes: int
    ledger_minutes: int
    estimated: bool
    state: UsageEventState
    attempts: int
    tried_at: datetime | None
    customer: str | None
    note: str


class UsageBacklog(Schema):
    """Usage that the meter does not have, counted by state, and the events that need a person.

    `oldest` is when the oldest leg ended whose usage is due.
    """

    unsent: dict[UsageEventState, int]
    oldest: datetime | None
    events: list[UsageEvent]


class UsageDecision(Schema):
    """A decision on usage that needs a person: send it `again`, or mark it as settled by hand."""

    again: bool


class MeteredPeriod(Schema):
    """Whole minutes of a final statement, and those sent to the meter."""

    tenant: str
    month: str
    statement_minutes: int
    sent_minutes: int
    agrees: bool


class PeriodToInvoice(Schema):
    """The period whose invoices are to be issued."""

    month: Period


class UsageInvoiceRun(Schema):
    """The outcome of issuing the invoice of a tenant's period."""

    tenant: str
    month: str
    state: RunState
    invoice: str
    total: str
    currency: str
    note: str


@router.post("/tenants/{tenant}/checkout", response_model=Offer, openapi_extra=NEEDS_GATEWAY)
async def checkout(
    services: Served,
    principal: Who,
    actor: Actor,
    once: OnlyOnce,
    tenant: str,
    order: NewCheckout,
) -> Response:
    """Create the link at which a tenant buys a plan; a repeated request returns the same link."""
    if order.trial_days is not None and principal.tenant is not None:
        raise ForbiddenError(Permission.SUBSCRIPTIONS_MANAGE)
    wish = Wish(order.trial_days, order.success_url, order.cancel_url)
    sell = services.shop.checkout.checkout
    return await once.do(lambda also: sell(tenant, order.plan, order.cycle, actor, wish, also=also))


@router.post("/tenants/{tenant}/portal", response_model=PortalLink, openapi_extra=NEEDS_GATEWAY)
async def portal(
    services: Served, actor: Actor, tenant: str, given: NewPortal = NOWHERE_ELSE
) -> Response:
    """Create a link to the portal where a tenant manages its subscription and invoices."""
    return await written(await services.shop.checkout.portal(tenant, actor, given.return_url))


@router.post(
    "/tenants/{tenant}/subscription/cancellation",
    response_model=SubscriptionDone,
    openapi_extra=NEEDS_GATEWAY,
)
async def cancel(services: Served, actor: Actor, tenant: str, end: Cancellation) -> Response:
    """Cancel a tenant's subscription, at the end of its period or now."""
    done = await services.shop.subscriptions.cancel(tenant, actor, now=end.now)
    return await written(done, SubscriptionDone)


@router.delete(
    "/tenants/{tenant}/subscription/cancellation",
    response_model=SubscriptionDone,
    openapi_extra=NEEDS_GATEWAY,
)
async def reactivate(services: Served, actor: Actor, tenant: str) -> Response:
    """Withdraw the cancellation of a subscription that was to end with its period."""
    return await written(
        await services.shop.subscriptions.reactivate(tenant, actor), SubscriptionDone
    )


@router.put(
    "/subscriptions/{subscription}/tenant",
    response_model=SubscriptionDone,
    openapi_extra=NEEDS_GATEWAY,
)
async def link(
    services: Served, actor: Actor, subscription: str, owner: SubscriptionOwner
) -> Response:
    """Link a subscription to a tenant, whatever its metadata says."""
    linked = services.shop.subscriptions.link(subscription, owner.tenant, actor)
    return await written(await linked, SubscriptionDone)


@router.get("/subscriptions", response_model=list[Subscription], openapi_extra=NEEDS_GATEWAY)
async def subscriptions(
    services: Served,
    request: Request,
    tenant: ForTenant,
    after: After = None,
    limit: Limit = PAGE,
) -> Response:
    """List subscriptions as last fetched from the gateway, the oldest first."""
    found = await services.shop.subscriptions.all(tenant)
    some = following(found, after, lambda one: one.id)[:limit]
    return await page(request, some, limit, lambda one: one.id, Subscription)


@router.get(
    "/tenants/{tenant}/gateway-invoices",
    response_model=list[GatewayInvoice],
    openapi_extra=NEEDS_GATEWAY,
)
async def invoices(services: Served, tenant: str) -> Response:
    """List a tenant's invoices as last fetched from the gateway, the newest first."""
    found = await services.shop.subscriptions.invoices(tenant)
    return await written([invoice_row(one) for one in found])


@router.get("/events/parked", response_model=list[ParkedEvent], openapi_extra=NEEDS_GATEWAY)
async def parked(services: Served) -> Response:
    """List events that could not be applied yet, each with what it waits for."""
    states = EventState.PARKED, EventState.FAILED
    found = await services.shop.subscription_store.webhook_events(*states)
    return await written([_parked(one) for one in found])


@router.get("/usage-events", response_model=UsageBacklog, openapi_extra=NEEDS_GATEWAY)
async def usage_events(services: Served, tenant: ForTenant) -> Response:
    """Show usage that the meter does not have: counts by state, and events that need a person."""
    return await written(await services.shop.usage.view(tenant))


@router.put("/usage-events/{leg}/decision", response_model=UsageEvent, openapi_extra=NEEDS_GATEWAY)
async def decide(services: Served, actor: Actor, leg: str, decision: UsageDecision) -> Response:
    """Decide on usage that was refused, undecided or too old."""
    return await written(await services.shop.usage.decide(leg, actor, again=decision.again))


@router.get(
    "/usage-events/periods", response_model=list[MeteredPeriod], openapi_extra=NEEDS_GATEWAY
)
async def reconcile(services: Served, month: Period) -> Response:
    """Compare final statements of a month with the usage sent to the meter, by tenant."""
    _gateway = services.shop  # raises while Stripe is not enabled, as every route here does
    return await written(
        [
            {
                "tenant": one.tenant,
                "month": one.month,
                "statement_minutes": one.statement,
                "sent_minutes": one.sent,
                "agrees": not one.difference,
            }
            for one in await services.comparison.periods(month)
            if one.metered
        ]
    )


@router.post("/usage-invoices", response_model=list[UsageInvoiceRun], openapi_extra=NEEDS_GATEWAY)
async def invoice_run(services: Served, given: PeriodToInvoice) -> Response:
    """Issue the invoices of a past month that are missing; a repeated request changes nothing."""
    return await written([_run(one) for one in await services.shop.issue_invoices(given.month)])


def invoice_row(one: Invoice) -> dict[str, Any]:
    """Return an invoice in the fields of `GatewayInvoice`."""
    return {
        "invoice": one.id,
        "number": one.number,
        "tenant": one.tenant,
        "subscription": one.subscription,
        "customer": one.customer,
        "status": one.status,
        "total": from_minor(one.total, one.currency),
        "currency": one.currency,
        "created_at": one.created_at,
        "paid_at": one.paid_at,
        "page_url": one.page_url,
        "live": one.live,
    }


def _parked(one: WebhookEvent) -> dict[str, Any]:
    return {
        "event": one.id,
        "kind": one.kind,
        "about": one.about,
        "state": one.state,
        "attempts": one.attempts,
        "created_at": one.created_at,
        "waits_for": _waits_for(one),
    }


def _waits_for(one: WebhookEvent) -> str:
    if one.state is EventState.FAILED:
        return f"a person: {one.note}"
    if one.about.startswith("sub_"):
        return f"a tenant: `pbxbilling stripe link {one.about} TENANT`, or `apply` the one it names"
    return "a tenant: add the one that it names, or that has this customer, with `apply`"


def _run(one: InvoiceRun) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "month": one.month,
        "state": one.state,
        "invoice": one.invoice,
        "total": from_minor(one.total, one.currency) if one.currency else "",
        "currency": one.currency,
        "note": one.note,
    }
