"""Checks whether a body has the shape that the stripe package's own types describe."""

from __future__ import annotations

import typing
from typing import Any

import stripe
import stripe.billing
import stripe.billing_portal
import stripe.checkout
import stripe.v2.core

_TOP = {
    cls.OBJECT_NAME: cls
    for cls in (
        stripe.Account,
        stripe.Customer,
        stripe.Event,
        stripe.Invoice,
        stripe.InvoiceLineItem,
        stripe.Plan,
        stripe.Price,
        stripe.Subscription,
        stripe.SubscriptionItem,
        stripe.WebhookEndpoint,
        stripe.billing.Meter,
        stripe.billing.MeterEvent,
        stripe.billing.MeterEventSummary,
        stripe.billing_portal.Configuration,
        stripe.billing_portal.Session,
        stripe.checkout.Session,
        stripe.v2.core.EventDestination,
    )
}


def misshapen(body: dict[str, Any], where: str = "") -> list[str]:
    """Return the faults of a body that names its own type in `object`; none if it is good."""
    if body["object"] == "list":
        return [one for row in body["data"] for one in misshapen(row, f"{where}[]")]
    return _against(body, _TOP[body["object"]], where or body["object"])


def _against(body: dict[str, Any], cls: type, where: str) -> list[str]:
    fields = {name: kind for name, kind in cls.__annotations__.items() if name != "OBJECT_NAME"}
    wrong = [f"{where}.{name} is not Stripe's" for name in body if name not in fields]
    for name, kind in fields.items():
        if name not in body and type(None) not in typing.get_args(kind):
            wrong.append(f"{where}.{name} is missing")
        if name in body:
            wrong += _value(body[name], kind, f"{where}.{name}")
    return wrong


def _value(value: Any, kind: Any, where: str) -> list[str]:
    kinds = typing.get_args(kind) or (kind,)
    if isinstance(value, list):
        return [one for row in value for one in _value(row, kinds[0], f"{where}[]")]
    if isinstance(value, dict) and isinstance(value.get("object"), str):
        return misshapen(value, where)
    objects = [
        one for one in kinds if isinstance(one, type) and issubclass(one, stripe.StripeObject)
    ]
    if isinstance(value, dict) and objects:
        return _against(value, objects[0], where)
    if value is None and type(None) not in kinds:
        return [f"{where} must not be null"]
    return []
