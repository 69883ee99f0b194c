"""Bodies of prices and subscriptions in wire form; see `bodies`."""

from rig.fakestripe.bodies import Body, page


def price(
    object_id: str,
    at: int,
    *,
    amount: int | str | None,
    currency: str,
    interval: str | None,
    interval_count: int,
    meter: str | None,
    active: bool,
    livemode: bool,
    tiers_mode: str | None = None,
) -> Body:
    """A price; one-time without an `interval`, metered with a `meter`, in tiers with their mode.

    An `amount` with fractions of the unit is text, as "0.5".
    """
    recurring = interval and {
        "interval": interval,
        "interval_count": interval_count,
        "meter": meter,
        "trial_period_days": None,
        "usage_type": "metered" if meter else "licensed",
    }
    return {
        "id": object_id,
        "object": "price",
        "active": active,
        "billing_scheme": "tiered" if tiers_mode else "per_unit",
        "created": at,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": "prod_fake",
        "recurring": recurring,
        "tax_behavior": "exclusive",
        "tiers_mode": tiers_mode,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount if isinstance(amount, int) else None,
        "unit_amount_decimal": None if amount is None else str(amount),
    }


def plan(of: Body) -> Body:
    """The legacy plan that every subscription item still shows beside its price."""
    recurring = of["recurring"]
    return {
        "id": of["id"],
        "object": "plan",
        "active": of["active"],
        "amount": of["unit_amount"],
        "amount_decimal": of["unit_amount_decimal"],
        "billing_scheme": of["billing_scheme"],
        "created": of["created"],
        "currency": of["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": of["livemode"],
        "metadata": {},
        "meter": recurring["meter"],
        "nickname": None,
        "product": of["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }


def subscription_item(
    object_id: str, at: int, subscription_id: str, of: Body, period: tuple[int, int]
) -> Body:
    """One price of a subscription, with the item's own period. A metered item has no quantity."""
    body: Body = {
        "id": object_id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": at,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "plan": plan(of),
        "price": of,
        "subscription": subscription_id,
        "tax_rates": [],
    }
    if of["recurring"]["usage_type"] == "licensed":
        body["quantity"] = 1
    return body


def subscription(
    object_id: str,
    at: int,
    *,
    customer_id: str,
    status: str,
    items: list[Body],
    metadata: Body,
    trial: tuple[int, int] | None,
    livemode: bool,
) -> Body:
    """One subscription."""
    return {
        "id": object_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": trial[1] if trial else at,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": at,
        "currency": items[0]["price"]["currency"],
        "customer": customer_id,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            **page(f"/v1/subscription_items?subscription={object_id}", items, has_more=False),
        },
        "latest_invoice": None,
        "livemode": livemode,
        "metadata": dict(metadata),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {"save_default_payment_method": "off"},
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": at,
        "status": status,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial and trial[1],
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": trial and trial[0],
    }
