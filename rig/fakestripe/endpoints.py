"""The endpoints: their methods and paths, and the parameters they take.

A parameter unknown to the stripe package's own types is refused, as Stripe does. A known one that
this fake would ignore is refused, too, so that no test relies on it.
"""

import re
from dataclasses import dataclass

import stripe.params as known
import stripe.params.billing as known_billing
import stripe.params.billing_portal as known_portal
import stripe.params.checkout as known_checkout
import stripe.params.v2.core as known_core
from stripe import RequestOptions

from rig.fakestripe import (
    bodies,
    checkout,
    customers,
    invoices,
    lines,
    meters,
    prices,
    subscriptions,
)
from rig.fakestripe.bodies import Body
from rig.fakestripe.forms import integer, text
from rig.fakestripe.rejections import RejectedError, unknown
from rig.fakestripe.requests import Answer, Request, listed

EVENTS_KEPT_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path, with the function that answers.

    `params` is the type of its parameters in the stripe package; those in `heeded` have an effect
    here.
    """

    method: str
    path: str
    answer: Answer
    params: type = RequestOptions
    heeded: str = ""

    def check(self, params: Body) -> None:
        """Refuse a parameter that Stripe does not have, or that has no effect here."""
        for name in params.keys() - {"expand", *self.heeded.split()}:
            if name not in self.params.__annotations__:
                raise unknown(name)
            raise RejectedError(f"This fake takes no notice of {name}.", status=501, param=name)

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """Return the ids in a path of this endpoint."""
        pattern = re.sub(r"\{\w+\}", "([^/]+)", self.path)
        hit = re.fullmatch(pattern, path) if method == self.method else None
        return hit.groups() if hit else None


def _retrieve(kind: str) -> Answer:
    return lambda request: request.named(kind)


def _list(kind: str, *filters: str) -> Answer:
    """List all of a kind; `filters` are parameters that must equal the field of the same name."""

    def answer(request: Request) -> Body:
        return listed(request, _wanted(request, kind, *filters))

    return answer


def _wanted(request: Request, kind: str, *filters: str) -> list[Body]:
    wanted = {name: request.params[name] for name in filters if name in request.params}
    rows = request.books.rows(kind, livemode=request.livemode)
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _create_checkout(request: Request) -> Body:
    return checkout.create(request.books, request.params, livemode=request.livemode)


def _expire_checkout(request: Request) -> Body:
    body = request.named("checkout.session")
    if body["status"] != "open":
        raise RejectedError('Only Checkout Sessions with a status in ["open"] can be expired.')
    checkout.expire(request.books, body)
    return body


def _create_portal(request: Request) -> Body:
    customers.named(request.books, text(request.params, "customer"), livemode=request.livemode)
    made = bodies.portal_session(
        request.books.new_id("bps"),
        request.books.clock.now(),
        request.params,
        livemode=request.livemode,
    )
    return request.books.put(made)


def _list_invoices(request: Request) -> Body:
    rows = _wanted(request, "invoice", "customer", "status")
    if "subscription" in request.params:
        wanted = request.params["subscription"]
        rows = [
            row
            for row in rows
            if row["parent"] and row["parent"]["subscription_details"]["subscription"] == wanted
        ]
    return listed(request, rows)


def _list_events(request: Request) -> Body:
    """List events of the last thirty days. A type may end in `*`."""
    oldest = request.books.clock.now() - EVENTS_KEPT_S
    rows = request.books.rows("event", livemode=request.livemode)
    rows = [row for row in rows if row["created"] >= oldest]
    wanted = request.params.get("types") or [request.params.get("type") or "*"]
    if len(wanted) > 20:
        raise RejectedError("You may pass up to 20 types.", param="types")
    patterns = [re.escape(one).replace(r"\*", ".*") for one in wanted]
    return listed(
        request, [row for row in rows if any(re.fullmatch(p, row["type"]) for p in patterns)]
    )


def _record_usage(request: Request) -> Body:
    text(request.params, "event_name")
    if not isinstance(request.params.get("payload"), dict):
        raise RejectedError("Missing required param: payload.", code="parameter_missing")
    return meters.record(request.books, request.params, livemode=request.livemode)


def _summaries(request: Request) -> Body:
    params = request.params
    start, end = integer(params, "start_time") or 0, integer(params, "end_time") or 0
    customer_id = text(params, "customer")
    made = meters.summary(request.books, request.named("billing.meter"), customer_id, start, end)
    return bodies.page(request.path, [made], has_more=False)


def _list_portals(request: Request) -> Body:
    """List configurations of the portal; this fake has only the default one."""
    rows = request.books.rows("billing_portal.configuration", livemode=request.livemode)
    return listed(request, [row for row in rows if row["is_default"]])


def _list_destinations(request: Request) -> Body:
    """List event destinations, in the form of lists of API v2; without `include` no address."""
    rows = request.books.rows("v2.core.event_destination", livemode=request.livemode)
    if "webhook_endpoint.url" not in (request.params.get("include") or []):
        rows = [row | {"webhook_endpoint": {"url": None}} for row in rows]
    return {"data": rows, "next_page_url": None, "previous_page_url": None}


_PAGE = "limit starting_after created"

ENDPOINTS = (
    Endpoint("GET", "/v1/account", lambda _: bodies.account()),
    Endpoint("GET", "/v1/prices", _list("price"), known.PriceListParams, _PAGE),
    Endpoint("GET", "/v1/prices/{id}", prices.retrieve),
    Endpoint(
        "POST",
        "/v1/customers",
        customers.create,
        known.CustomerCreateParams,
        customers.FIELDS,
    ),
    Endpoint("GET", "/v1/customers", customers.listing, known.CustomerListParams, f"{_PAGE} email"),
    Endpoint(
        "GET", "/v1/customers/search", customers.search, known.CustomerSearchParams, "query limit"
    ),
    Endpoint("GET", "/v1/customers/{id}", customers.retrieve),
    Endpoint(
        "POST",
        "/v1/customers/{id}",
        customers.update,
        known.CustomerUpdateParams,
        customers.FIELDS,
    ),
    Endpoint("DELETE", "/v1/customers/{id}", customers.delete),
    Endpoint(
        "GET",
        "/v1/subscriptions",
        subscriptions.listing,
        known.SubscriptionListParams,
        f"{_PAGE} status customer price",
    ),
    Endpoint("GET", "/v1/subscriptions/{id}", _retrieve("subscription")),
    Endpoint(
        "POST",
        "/v1/subscriptions/{id}",
        subscriptions.update,
        known.SubscriptionUpdateParams,
        "cancel_at cancel_at_period_end items metadata pause_collection",
    ),
    Endpoint(
        "DELETE",
        "/v1/subscriptions/{id}",
        subscriptions.cancel,
        known.SubscriptionCancelParams,
        "invoice_now prorate",
    ),
    Endpoint("POST", "/v1/subscriptions/{id}/pause", subscriptions.pause),
    Endpoint("POST", "/v1/subscriptions/{id}/resume", subscriptions.resume),
    Endpoint(
        "POST",
        "/v1/checkout/sessions",
        _create_checkout,
        known_checkout.SessionCreateParams,
        "mode line_items customer customer_email client_reference_id metadata subscription_data"
        " success_url cancel_url locale",
    ),
    Endpoint(
        "GET",
        "/v1/checkout/sessions",
        _list("checkout.session", "customer", "subscription", "status"),
        known_checkout.SessionListParams,
        f"{_PAGE} customer subscription status",
    ),
    Endpoint("GET", "/v1/checkout/sessions/{id}", _retrieve("checkout.session")),
    Endpoint("POST", "/v1/checkout/sessions/{id}/expire", _expire_checkout),
    Endpoint(
        "POST",
        "/v1/billing_portal/sessions",
        _create_portal,
        known_portal.SessionCreateParams,
        "customer return_url configuration locale",
    ),
    Endpoint(
        "GET",
        "/v1/billing_portal/configurations",
        _list_portals,
        known_portal.ConfigurationListParams,
        "limit is_default active",
    ),
    Endpoint(
        "GET",
        "/v1/invoices",
        _list_invoices,
        known.InvoiceListParams,
        f"{_PAGE} customer subscription status",
    ),
    Endpoint("GET", "/v1/invoices/{id}", _retrieve("invoice")),
    Endpoint(
        "GET",
        "/v1/invoices/{id}/lines",
        lines.listing,
        known.InvoiceLineItemListParams,
        "limit starting_after",
    ),
    Endpoint("POST", "/v1/invoices", invoices.create, known.InvoiceCreateParams, invoices.FIELDS),
    Endpoint(
        "POST",
        "/v1/invoiceitems",
        invoices.add,
        known.InvoiceItemCreateParams,
        invoices.ITEM_FIELDS,
    ),
    Endpoint(
        "POST",
        "/v1/invoices/{id}/finalize",
        invoices.finalize,
        known.InvoiceFinalizeInvoiceParams,
        "auto_advance",
    ),
    Endpoint("POST", "/v1/invoices/{id}/send", invoices.send),
    Endpoint("GET", "/v1/events", _list_events, known.EventListParams, f"{_PAGE} type types"),
    Endpoint("GET", "/v1/events/{id}", _retrieve("event")),
    Endpoint("GET", "/v2/core/events/{id}", _retrieve("v2.core.event")),
    Endpoint(
        "GET",
        "/v2/core/event_destinations",
        _list_destinations,
        known_core.EventDestinationListParams,
        "limit include",
    ),
    Endpoint(
        "GET",
        "/v1/webhook_endpoints",
        _list("webhook_endpoint"),
        known.WebhookEndpointListParams,
        _PAGE,
    ),
    Endpoint(
        "GET",
        "/v1/billing/meters",
        _list("billing.meter", "status"),
        known_billing.MeterListParams,
        f"{_PAGE} status",
    ),
    Endpoint("GET", "/v1/billing/meters/{id}", _retrieve("billing.meter")),
    Endpoint(
        "GET",
        "/v1/billing/meters/{id}/event_summaries",
        _summaries,
        known_billing.MeterListEventSummariesParams,
        "customer start_time end_time",
    ),
    Endpoint(
        "POST",
        "/v1/billing/meter_events",
        _record_usage,
        known_billing.MeterEventCreateParams,
        "event_name payload identifier timestamp",
    ),
)
