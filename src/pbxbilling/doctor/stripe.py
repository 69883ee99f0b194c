"""Checks what selling by Stripe requires, on both sides. Charges and changes nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from pbxbilling.catalog.plan import Plan
from pbxbilling.config.sections import DatabaseSettings, StripeSettings
from pbxbilling.config.settings import Settings
from pbxbilling.doctor.check import Check, fail, ok, warn
from pbxbilling.doctor.prices import Found, judge_plan, priced
from pbxbilling.doctor.stripe_account import judge_endpoints, judge_portal, judge_reports
from pbxbilling.gateways.stripe.audit import StripeAudit
from pbxbilling.gateways.stripe.audit_objects import PriceFound
from pbxbilling.gateways.stripe.client import KeyRefusedError, StripeApi
from pbxbilling.kernel.errors import GatewayError, StoreError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.store.database.opening import database_at, is_missing_file
from pbxbilling.store.store import SqlStore

_AT_ONCE = 8  # requests; Stripe allows a test key 25 a second
_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9]+")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
T = TypeVar("T")
_COPY = "copy it again from Stripe's dashboard, without blanks"


async def examine_stripe(settings: Settings) -> list[Check]:
    """Run every check of Stripe. Raises nothing: a fault becomes a check, which shows no secret."""
    stripe = settings.stripe
    checks = [_key(stripe), *_secrets(stripe), *_pages(stripe)]
    try:
        plans = await _plans(settings.database)
    except StoreError as fault:
        fix = "follow the message, then run this again"
        return [*checks, fail("database", "plans", str(fault), fix)]
    api = StripeApi(stripe.secret_key.get_secret_value(), stripe.api_base)
    try:
        return [*checks, *await _ask(StripeAudit(api), plans, live=api.live)]
    finally:
        await api.close()


def _key(stripe: StripeSettings) -> Check:
    known = _KEY.fullmatch(stripe.secret_key.get_secret_value())
    if known is None:
        found = "expected sk_test_…, sk_live_…, rk_test_… or rk_live_…"
        return fail("stripe", "key", found, f"stripe.secret_key_file: {_COPY}")
    money = "real money" if known[2] == "live" else "no money moves"
    return ok("stripe", "key", f"{known[1]}_{known[2]}_…: {known[2]} mode, {money}")


def _secrets(stripe: StripeSettings) -> Iterator[Check]:
    fix = f"stripe.webhook_secret_files: {_COPY}, one secret a file"
    if not stripe.webhook_secrets:
        yield fail("stripe", "webhook secret", "there is none: every event is refused", fix)
    for number, secret in enumerate(stripe.webhook_secrets, 1):
        if _SECRET.fullmatch(secret.get_secret_value()):
            yield ok("stripe", f"webhook secret {number}", "whsec_…")
        else:
            found = "expected whsec_ and letters: events signed with it are refused"
            yield fail("stripe", f"webhook secret {number}", found, fix)


def _pages(stripe: StripeSettings) -> Iterator[Check]:
    for key, use in (
        ("success_url", "checkout"),
        ("cancel_url", "checkout"),
        ("portal_return_url", "portal"),
    ):
        if not getattr(stripe, key):
            fix = f'set {key} = "https://…" under [stripe] to a page of yours'
            yield warn("stripe", key, f"not set: `stripe {use}` does not work", fix)


async def _plans(database: DatabaseSettings) -> tuple[Plan, ...]:
    """Return the plans; none without a database, which the daemon must create and own."""
    place = database.place
    if is_missing_file(place):
        return ()
    async with await SqlStore.open(database_at(place), create=False) as store:
        return (await store.accounts()).plans


async def _ask(audit: StripeAudit, plans: Iterable[Plan], *, live: bool) -> list[Check]:
    try:
        account = await audit.account()
    except (KeyRefusedError, GatewayError) as fault:
        if isinstance(fault, KeyRefusedError) or fault.away:
            return [fail("stripe", "account", str(fault), "then run this again")]
        fix = "let this restricted key read the account, if you want to see its name here"
        checks = [warn("stripe", "account", str(fault), fix)]
    else:
        checks = [ok("stripe", "account", f"{account.name or 'without a name'} ({account.id})")]
    active = [plan for plan in plans if plan.active]
    checks += await _settings(audit, metered=any(one.prices_at(STRIPE).metered for one in active))
    found = await _fetched(audit.price, (ident for plan in active for ident in priced(plan)))
    meters = await _fetched(audit.meter, _meters(found.values()))
    for plan in active:
        checks += judge_plan(plan, found, meters, live=live)
    return checks


async def _settings(audit: StripeAudit, *, metered: bool) -> list[Check]:
    """Check the account's portal and endpoints; `metered`: usage is sent, and may be rejected."""
    checks = [*judge_portal(await _or_fault(audit.portal()))]
    checks += judge_endpoints(await _or_fault(audit.endpoints()))
    if metered:
        checks.append(judge_reports(await _or_fault(audit.thin_endpoints())))
    return checks


def _meters(found: Iterable[Found]) -> Iterator[str]:
    return (one.meter for one in found if isinstance(one, PriceFound) and one.meter)


async def _fetched(
    fetch: Callable[[str], Awaitable[T]], idents: Iterable[str]
) -> dict[str, T | GatewayError]:
    """Fetch each object once, several at a time; where that fails, the error takes its place."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(ident: str) -> T | GatewayError:
        async with slots:
            return await _or_fault(fetch(ident))

    wanted = sorted(set(idents))
    return dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))


async def _or_fault(request: Awaitable[T]) -> T | GatewayError:
    try:
        return await request
    except GatewayError as fault:
        return fault
