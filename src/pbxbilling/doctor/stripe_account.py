"""Checks what an account of Stripe lets customers do, and which events it posts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.gateways.stripe.audit_objects import EndpointFound, PortalFound
from pbxbilling.gateways.stripe.objects import TOPICS
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.kernel.gateway_names import STRIPE, WEBHOOK_PATHS
from pbxbilling.subscriptions.events import Topic

HOOK = WEBHOOK_PATHS[STRIPE]
_EVERY = "*"
THIN = frozenset(kind for kind, topic in TOPICS.items() if topic is Topic.METER_REPORT)
NEEDED = TOPICS.keys() - THIN

_SUBJECT = "stripe"
_SETTINGS = "Settings → Billing → Customer portal"
_READABLE = "let this restricted key read it, if it is to be checked"


def judge_portal(found: PortalFound | GatewayError | None) -> Iterator[Check]:
    """Check what tenants may do in the portal: end with their period, and change their card."""
    if isinstance(found, GatewayError):
        yield warn(_SUBJECT, "portal", str(found), _READABLE)
        return
    if found is None:
        fault = "it has no default configuration: `stripe portal` makes no links"
        yield warn(_SUBJECT, "portal", fault, f"save {_SETTINGS} once")
        return
    faults = [*_portal_faults(found)]
    for fault, fix in faults:
        yield warn(_SUBJECT, "portal", fault, f"{_SETTINGS}: {fix}")
    if not faults:
        yield ok(_SUBJECT, "portal", f"{found.id}: tenants end with their period")


def _portal_faults(found: PortalFound) -> Iterator[tuple[str, str]]:
    at_end = 'allow cancellations "at the end of the billing period"'
    if not found.cancels:
        yield "tenants cannot cancel there", at_end
    elif found.cancels != "at_period_end":
        fault = (
            "tenants cancel there with immediate effect: phones go silent, live calls are charged"
            " to nobody, and usage that no invoice had yet may be lost"
        )
        yield fault, at_end
    if not found.changes_cards:
        yield "tenants cannot change how they pay", "allow payment methods to be updated"
    if not found.shows_invoices:
        yield "tenants do not see their invoices", "show the invoice history"


def judge_endpoints(found: Sequence[EndpointFound] | GatewayError) -> Iterator[Check]:
    """Check each endpoint of the account, and name the events that it lacks.

    One with another path is another program's if there is one with ours; else a proxy may lead it
    here.
    """
    if isinstance(found, GatewayError):
        yield warn(_SUBJECT, "endpoints", str(found), _READABLE)
        return
    fix = f"Developers → Webhooks: add https://YOUR.HOST{HOOK}, with the events of the guide"
    if not found:
        yield fail(_SUBJECT, "endpoints", "there is none: events come hourly only", fix)
    have_ours = any(_is_ours(one) for one in found)
    for one in found:
        yield _judge_endpoint(one, others=have_ours and not _is_ours(one))


def _judge_endpoint(one: EndpointFound, *, others: bool) -> Check:
    name = f"endpoint {one.id}"
    if others:
        return ok(_SUBJECT, name, f"{one.url} is another program's")
    result = fail if _is_ours(one) else warn
    if not one.enabled:
        found = f"{one.url} is disabled: events come hourly only"
        return result(_SUBJECT, name, found, "Developers → Webhooks: enable it again")
    lacks = sorted(NEEDED - one.events)
    if lacks and _EVERY not in one.events:
        fix = "Developers → Webhooks → the endpoint: add them; until then they come hourly"
        return result(_SUBJECT, name, f"{one.url} lacks {', '.join(lacks)}", fix)
    return ok(_SUBJECT, name, f"{one.url} has every event")


def judge_reports(found: Sequence[EndpointFound] | GatewayError) -> Check:
    """Check that reports of bad usage are posted; they are thin events, of API v2."""
    name, kinds = "usage reports", ", ".join(sorted(THIN))
    if isinstance(found, GatewayError):
        return warn(_SUBJECT, name, str(found), _READABLE)
    for one in _of_ours(found):
        if one.enabled and (_EVERY in one.events or one.events >= THIN):
            return ok(_SUBJECT, name, f"{one.url} has {kinds}")
    fix = f"Developers → Webhooks: add a destination for thin events to {HOOK}, with {kinds}"
    return warn(_SUBJECT, name, "nothing posts them: usage that is not counted goes unseen", fix)


def _of_ours(found: Iterable[EndpointFound]) -> list[EndpointFound]:
    """Return the endpoints with our path, or all where none has it: a proxy may lead them here."""
    known = list(found)
    return [one for one in known if _is_ours(one)] or known


def _is_ours(one: EndpointFound) -> bool:
    return urlsplit(one.url).path.rstrip("/").endswith(HOOK)
