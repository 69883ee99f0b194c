"""Translate what `stripe check` compares: prices, meters, the portal's settings, endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pbxbilling.gateways.stripe.reading import Object, parsing

_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class AccountFound:
    """The account that the key belongs to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier of a price: up to a quantity, None: without end; amounts in Stripe's unit."""

    up_to: int | None
    unit: Decimal = Decimal(0)
    flat: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class PriceFound:
    """A price as Stripe has it, amounts in Stripe's unit of `currency`.

    `unit` is the amount for one, with its fractions; None where it is in `tiers`, whose quantities
    are all counted by one of them if `tiers_mode` is "volume". `months` is the interval in which it
    is due: 0 for once, None for days and weeks. `meter` is the id of the meter whose usage it
    charges; `divided` says that quantities are divided before they are charged.
    """

    id: str
    active: bool
    live: bool
    currency: str
    unit: Decimal | None
    months: int | None
    metered: bool = False
    meter: str | None = None
    tiers: tuple[Tier, ...] = ()
    tiers_mode: str = ""
    divided: bool = False


@dataclass(frozen=True, slots=True)
class MeterFound:
    """A meter: the events that it counts, how, and the keys of their payload."""

    id: str
    event_name: str
    active: bool
    formula: str
    customer_key: str
    value_key: str


@dataclass(frozen=True, slots=True)
class PortalFound:
    """What customers may do in the portal: `cancels` is "" for nothing, else Stripe's mode."""

    id: str
    cancels: str
    changes_cards: bool
    shows_invoices: bool


@dataclass(frozen=True, slots=True)
class EndpointFound:
    """An endpoint that events are posted to; `events` may have "*" for all."""

    id: str
    url: str
    enabled: bool
    events: frozenset[str]


def account(given: Object) -> AccountFound:
    """Translate an account; its name is the most public one that it has."""
    with parsing("account"):
        profile, settings = given.get("business_profile") or {}, given.get("settings") or {}
        shown = profile.get("name") or (settings.get("dashboard") or {}).get("display_name")
        return AccountFound(str(given["id"]), str(shown or given.get("email") or ""))


def price(given: Object) -> PriceFound:
    """Translate a price that was fetched with its tiers."""
    with parsing("price", given):
        recurring: Mapping[str, Any] = given.get("recurring") or {}
        return PriceFound(
            id=str(given["id"]),
            active=bool(given["active"]),
            live=bool(given["livemode"]),
            currency=str(given["currency"]).upper(),
            unit=_amount(given, "unit_amount"),
            months=_months(recurring),
            metered=recurring.get("usage_type") == "metered",
            meter=recurring.get("meter") or None,
            tiers=tuple(_tier(one) for one in given.get("tiers") or ()),
            tiers_mode=str(given.get("tiers_mode") or ""),
            divided=bool(given.get("transform_quantity")),
        )


def meter(given: Object) -> MeterFound:
    """Translate a meter."""
    with parsing("meter", given):
        return MeterFound(
            id=str(given["id"]),
            event_name=str(given["event_name"]),
            active=given["status"] == "active",
            formula=str(given["default_aggregation"]["formula"]),
            customer_key=str(given["customer_mapping"]["event_payload_key"]),
            value_key=str(given["value_settings"]["event_payload_key"]),
        )


def portal(given: Object) -> PortalFound:
    """Translate a configuration of the customer portal."""
    with parsing("portal configuration", given):
        features = given["features"]
        cancels = features["subscription_cancel"]
        return PortalFound(
            id=str(given["id"]),
            cancels=str(cancels["mode"]) if cancels["enabled"] else "",
            changes_cards=bool(features["payment_method_update"]["enabled"]),
            shows_invoices=bool(features["invoice_history"]["enabled"]),
        )


def endpoint(given: Object) -> EndpointFound:
    """Translate a webhook endpoint, or an event destination of API v2 that is one."""
    with parsing("webhook endpoint", given):
        url = given.get("url") or (given.get("webhook_endpoint") or {}).get("url")
        return EndpointFound(
            id=str(given["id"]),
            url=str(url or ""),
            enabled=given["status"] == "enabled",
            events=frozenset(map(str, given["enabled_events"])),
        )


def _tier(given: Object) -> Tier:
    end = given["up_to"]
    return Tier(
        None if end in (None, "inf") else int(end),
        _amount(given, "unit_amount") or Decimal(0),
        _amount(given, "flat_amount") or Decimal(0),
    )


def _amount(given: Object, key: str) -> Decimal | None:
    """Return an amount with its fractions; the whole one is null where it has any."""
    exact = given.get(f"{key}_decimal")
    amount = given.get(key) if exact is None else exact
    return None if amount is None else Decimal(str(amount))


def _months(recurring: Object) -> int | None:
    if not recurring:
        return 0
    months = _MONTHS.get(recurring["interval"])
    return None if months is None else months * int(recurring.get("interval_count") or 1)
