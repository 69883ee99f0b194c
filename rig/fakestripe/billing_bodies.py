"""What prices, subscriptions and invoices look like on the wire; see `bodies`."""

from rig.fakestripe.bodies import Body, page


def price(
    object_id: str,
    at: int,
    *,
    amount: int,
    currency: str,
    interval: str | None,
    interval_count: int,
    meter: str | None,
    active: bool,
    livemode: bool,
) -> Body:
    """A price; one-time without an `interval`, metered with a `meter`."""
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
        "billing_scheme": "per_unit",
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
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def plan(of: Body) -> Body:
    """The legacy plan that every subscription item still shows for its price."""
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
    """One price of a subscription, with the period that is its own. Metered: no quantity."""
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
        "billing_cycle_anchor": at,
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


def invoice_line(
    object_id: str,
    invoice_id: str,
    of: Body,
    *,
    amount: int,
    quantity: int,
    subscription_id: str,
    item_id: str | None,
    period: tuple[int, int],
) -> Body:
    """One line: of the subscription item `item_id`, or a one-time price without one."""
    details: Body = {"proration": False, "proration_details": None, "subscription": subscription_id}
    parent: Body = {"invoice_item_details": None, "subscription_item_details": None}
    if item_id:
        parent["type"] = "subscription_item_details"
        parent["subscription_item_details"] = {
            **details,
            "invoice_item": None,
            "subscription_item": item_id,
        }
    else:
        parent["type"] = "invoice_item_details"
        parent["invoice_item_details"] = {**details, "invoice_item": f"ii_{object_id}"}
    return {
        "id": object_id,
        "object": "line_item",
        "amount": amount,
        "currency": of["currency"],
        "description": of["nickname"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": of["livemode"],
        "metadata": {},
        "parent": parent,
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": of["id"], "product": of["product"]},
            "type": "price_details",
            "unit_amount_decimal": of["unit_amount_decimal"],
        },
        "quantity": quantity,
        "subtotal": amount,
        "taxes": [],
    }


def invoice(
    object_id: str,
    at: int,
    *,
    of: Body,
    payer: Body,
    reason: str,
    lines: list[Body],
    past: tuple[int, int],
    number: str,
) -> Body:
    """An open invoice of the subscription `of`, to the customer `payer`."""
    total = sum(line["amount"] for line in lines)
    web = f"https://invoice.stripe.invalid/{object_id}"
    return {
        "id": object_id,
        "object": "invoice",
        "account_country": "DE",
        "account_name": "Fake Telecom",
        "account_tax_ids": None,
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": at,
        "currency": of["currency"],
        "custom_fields": None,
        "customer": payer["id"],
        "customer_address": payer["address"],
        "customer_email": payer["email"],
        "customer_name": payer["name"],
        "customer_tax_exempt": payer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": at,
        "ending_balance": 0,
        "footer": None,
        "hosted_invoice_url": web,
        "invoice_pdf": f"{web}/pdf",
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": page(f"/v1/invoices/{object_id}/lines", lines, has_more=False),
        "livemode": of["livemode"],
        "metadata": {},
        "next_payment_attempt": None,
        "number": number,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(of["metadata"]),
                "subscription": of["id"],
            },
            "type": "subscription_details",
        },
        "payment_settings": {"default_mandate": None, "payment_method_types": None},
        "period_end": past[1],
        "period_start": past[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "open",
        "status_transitions": {
            "finalized_at": at,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": None,
        "total": total,
        "total_excluding_tax": total,
        "total_taxes": [],
        "webhooks_delivered_at": at,
    }
