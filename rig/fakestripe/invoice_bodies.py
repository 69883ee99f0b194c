"""Bodies of invoices and their lines in wire form; see `bodies`."""

from rig.fakestripe.bodies import Body, page


def line(
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
    """One line: for the subscription item `item_id`, or for a one-time price where that is None."""
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
    past: tuple[int, int],
    number: str,
) -> Body:
    """An open invoice of the subscription `of`, for the customer `payer`, without lines so far."""
    web = f"https://invoice.stripe.invalid/{object_id}"
    return {
        "id": object_id,
        "object": "invoice",
        "account_country": "DE",
        "account_name": "Fake Telecom",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
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
        "lines": page(f"/v1/invoices/{object_id}/lines", [], has_more=False),
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
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": None,
        "total": 0,
        "total_excluding_tax": 0,
        "total_taxes": [],
        "webhooks_delivered_at": at,
    }
