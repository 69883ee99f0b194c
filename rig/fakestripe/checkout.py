"""Checkout sessions: what Stripe rejects, and what a customer does on the payment page."""

from rig.fakestripe import billing, bodies, customers
from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.forms import integer, text
from rig.fakestripe.prices import cost
from rig.fakestripe.rejections import RejectedError, needed


def create(books: Books, params: Body, *, livemode: bool) -> Body:
    """Create an open session.

    Raises RejectedError for what Stripe does not accept: see `_priced`.
    """
    mode = text(params, "mode")
    if mode not in ("subscription", "payment", "setup"):
        raise RejectedError(
            "Invalid mode: must be one of payment, setup, or subscription", param="mode"
        )
    text(params, "success_url")
    if params.get("customer") and params.get("customer_email"):
        raise RejectedError(
            "You may only specify one of these parameters: customer, customer_email."
        )
    if params.get("customer"):
        customers.named(books, params["customer"], livemode=livemode)
    prices = _priced(books, params, livemode=livemode)
    if len({price["currency"] for price, _ in prices}) > 1:
        raise RejectedError("All prices on a Checkout Session must have the same currency.")
    if mode == "subscription" and not any(price["recurring"] for price, _ in prices):
        raise RejectedError(
            "You must provide at least one recurring price in `subscription` mode when using"
            " prices."
        )
    object_id = books.new_id("cs_live" if livemode else "cs_test")
    made = bodies.checkout_session(
        object_id,
        books.clock.now(),
        params,
        amount=sum(cost(books, price, quantity) for price, quantity in prices),
        currency=prices[0][0]["currency"],
        livemode=livemode,
    )
    books.put(
        {
            "id": object_id,
            "object": "checkout.order",
            "prices": [price["id"] for price, _ in prices],
            "subscription_data": params.get("subscription_data") or {},
        }
    )
    return books.put(made)


def pay_at_link(books: Books, price: str, metadata: Body, written: Body) -> Body:
    """Pay at a payment link. Return the subscription, whose customer is new.

    `metadata` is what the account set on the link: `metadata` for the session, `subscription_data`
    for the subscription; `written` is what the payer entered: `client_reference_id` in the link's
    address, and the form's `email` (https://docs.stripe.com/payment-links/url-parameters).
    """
    params = {
        "mode": "subscription",
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": "https://provider.example/done",
        "client_reference_id": written.get("client_reference_id"),
        "metadata": metadata.get("metadata") or {},
        "subscription_data": {"metadata": metadata.get("subscription_data") or {}},
    }
    session = create(books, params, livemode=False)
    session.update(
        payment_link=books.new_id("plink"),
        customer_email=None,
        customer_details={"email": written.get("email"), "name": written.get("name")},
    )
    subscription = complete(books, session, paid=True)
    books.get("customer", session["customer"]).update(email=written.get("email"))
    return subscription


def _priced(books: Books, params: Body, *, livemode: bool) -> list[tuple[Body, int]]:
    """Return price and quantity of each line; 0 for a metered one, whose quantity is its usage."""
    lines = params.get("line_items")
    if not isinstance(lines, list):
        raise needed("line_items")
    return [
        (price := _price(books, line, f"line_items[{n}]", params["mode"], livemode=livemode),
         _quantity(price, line, f"line_items[{n}][quantity]"))
        for n, line in enumerate(lines)
    ]  # fmt: skip


def _price(books: Books, line: Body, where: str, mode: str, *, livemode: bool) -> Body:
    param = f"{where}[price]"
    price = books.get("price", text(line, "price"), livemode=livemode, param=param, in_path=False)
    if not price["active"]:
        raise RejectedError(
            "The price specified is inactive. This field only accepts active prices.", param=param
        )
    if mode == "payment" and price["recurring"]:
        raise RejectedError(
            "You specified `payment` mode but passed a recurring price.", param=param
        )
    return price


def _quantity(price: Body, line: Body, param: str) -> int:
    quantity = integer(line, "quantity")
    if price["recurring"] and price["recurring"]["usage_type"] == "metered":
        if quantity is not None:
            raise RejectedError("Quantity should not be specified for metered prices.", param=param)
        return 0
    if quantity is None:
        raise RejectedError("Quantity is required. Add `quantity` to this line item.", param=param)
    return quantity


def complete(books: Books, session: Body, *, paid: bool) -> Body:
    """Complete the checkout as its customer. Return the subscription.

    Not `paid`: a slow payment method was chosen and the money is pending, see `settle`.
    """
    if session["status"] != "open":
        raise ValueError(f"{session['id']} is {session['status']}, and cannot be completed")
    order = books.get("checkout.order", session["id"])
    data = order["subscription_data"]
    subscription = billing.subscribe(
        books,
        _payer(books, session),
        [books.get("price", price_id) for price_id in order["prices"]],
        metadata=data.get("metadata") or {},
        trial_end=_trial_end(data, books.clock.now()),
    )
    invoice = books.get("invoice", subscription["latest_invoice"])
    session.update(
        status="complete",
        payment_status="unpaid",
        customer=subscription["customer"],
        subscription=subscription["id"],
        invoice=invoice["id"],
        url=None,
    )
    if paid:
        session["payment_status"] = "paid" if invoice["total"] else "no_payment_required"
        billing.pay(books, invoice)
    books.tell("checkout.session.completed", session)
    return subscription


def _trial_end(data: Body, now: int) -> int | None:
    days = integer(data, "trial_period_days")
    return now + days * billing.DAY_S if days else integer(data, "trial_end")


def settle(books: Books, session: Body, *, paid: bool) -> None:
    """Let the slow payment succeed or fail."""
    invoice = books.get("invoice", session["invoice"])
    if paid:
        billing.pay(books, invoice)
        session["payment_status"] = "paid"
        books.tell("checkout.session.async_payment_succeeded", session)
        return
    billing.fail(books, invoice)
    books.tell("checkout.session.async_payment_failed", session)


def expire(books: Books, session: Body) -> None:
    """Expire the session: it can no longer be completed."""
    session.update(status="expired", url=None)
    books.tell("checkout.session.expired", session)


def _payer(books: Books, session: Body) -> Body:
    """Return the session's customer; Stripe creates one where the session has none."""
    if session["customer"]:
        return books.get("customer", session["customer"])
    params = {"email": session["customer_email"]}
    return customers.enrol(books, params, livemode=session["livemode"])
