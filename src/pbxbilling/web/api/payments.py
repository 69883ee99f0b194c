"""Payments: links to pay at, ends of subscriptions, and what is known of the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.catalog.plan import Cycle
from pbxbilling.kernel.bounds import read_period
from pbxbilling.kernel.errors import AdministrationError, GatewayError
from pbxbilling.kernel.money import from_minor
from pbxbilling.payments.records import InvoiceRun
from pbxbilling.subscriptions.events import EventState, WebhookEvent
from pbxbilling.subscriptions.subscription import Invoice
from pbxbilling.web.api.command import Arguments, Command, Services
from pbxbilling.web.api.given import period


async def _checkout(services: Services, given: Arguments, actor: str) -> Any:
    cycle = Cycle(given["cycle"])
    return await services.shop.checkout.checkout(given["tenant"], given["plan"], cycle, actor)


async def _portal(services: Services, given: Arguments, actor: str) -> Any:
    return await services.shop.checkout.portal(given["tenant"], actor)


async def _cancel(services: Services, given: Arguments, actor: str) -> Any:
    return await services.shop.subscriptions.cancel(given["tenant"], actor, now=given["now"])


async def _reactivate(services: Services, given: Arguments, actor: str) -> Any:
    return await services.shop.subscriptions.reactivate(given["tenant"], actor)


async def _link(services: Services, given: Arguments, actor: str) -> Any:
    return await services.shop.subscriptions.link(given["subscription"], given["tenant"], actor)


async def _subscriptions(services: Services, given: Arguments, _actor: str) -> Any:
    return await services.shop.subscriptions.all(given["tenant"])


async def _invoices(services: Services, given: Arguments, _actor: str) -> Any:
    return [_invoice(one) for one in await services.shop.subscriptions.invoices(given["tenant"])]


def _invoice(one: Invoice) -> dict[str, Any]:
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


async def _parked(services: Services, _given: Arguments, _actor: str) -> Any:
    webhook_events = await services.shop.subscription_store.webhook_events(
        EventState.PARKED, EventState.FAILED
    )
    return [_letter(one) for one in webhook_events]


def _letter(one: WebhookEvent) -> dict[str, Any]:
    """Without its body: that has names and addresses."""
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
    return "a tenant: the one that it names, or whose customer it is; `apply` adds one"


async def _usage(services: Services, given: Arguments, _actor: str) -> Any:
    return await services.shop.usage.view(given["tenant"])


async def _usage_decide(services: Services, given: Arguments, actor: str) -> Any:
    return await services.shop.usage.decide(given["leg"], actor, again=given["again"])


async def _usage_reconcile(services: Services, given: Arguments, _actor: str) -> Any:
    _shop = services.shop  # refused without keys, as all of these are
    return [
        {
            "tenant": one.tenant,
            "month": one.month,
            "statement_minutes": one.statement,
            "sent_minutes": one.sent,
            "agrees": not one.difference,
        }
        for one in await services.comparison.periods(read_period(given["month"]))
        if one.metered
    ]


async def _invoice_run(services: Services, given: Arguments, _actor: str) -> Any:
    try:
        runs = await services.shop.issue_invoices(period(given))
    except GatewayError as fault:
        raise AdministrationError(str(fault)) from fault
    return [_run(one) for one in runs]


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


COMMANDS: Mapping[str, Command] = {
    name: Command(serve, needs_daemon=True, about_payments=True)
    for name, serve in {
        "checkout": _checkout,
        "portal": _portal,
        "cancel": _cancel,
        "reactivate": _reactivate,
        "link": _link,
        "subscriptions": _subscriptions,
        "invoices": _invoices,
        "parked": _parked,
        "usage-events": _usage,
        "usage-decide": _usage_decide,
        "usage-reconcile": _usage_reconcile,
        "invoice-run": _invoice_run,
    }.items()
}
