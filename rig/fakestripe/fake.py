"""The test's side of the fake: makes things happen at Stripe, and breaks its answers.

Every method may be called from any thread, and takes effect at once. Each creates the events that
Stripe creates, which `webhooks` delivers.
"""

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from rig.fakestripe import billing, billing_bodies, checkout, customers, meters, prices
from rig.fakestripe.account import Account
from rig.fakestripe.api import Api, Asked, Breakage
from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.clock import Clock
from rig.fakestripe.faults import Fault
from rig.fakestripe.server import Server
from rig.fakestripe.webhooks import Webhooks
from rig.running import Running

TEST_KEY = "sk_test_fakestripe0000"
LIVE_KEY = "sk_live_fakestripe0000"


class FakeStripe(Running):
    """A running fake; a context manager.

    `url` is the base address of its API, `webhooks` its delivery, `clock` its time, `account` what
    its owner has set.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.webhooks = Webhooks(self.clock)
        self._books = Books(self.clock, self.webhooks.publish)
        self.account = Account(self._books)
        self._api = Api(self._books, {TEST_KEY: False, LIVE_KEY: True})
        self._server = Server(self._api, self.webhooks)
        self.url = f"http://127.0.0.1:{self._server.port}"

    # Catalog

    def create_price(
        self,
        amount: int | str | None = 1000,
        currency: str = "eur",
        *,
        interval: str | None = "month",
        interval_count: int = 1,
        meter: str | None = None,
        active: bool = True,
        livemode: bool = False,
        price_id: str = "",
        tiers: Sequence[tuple[int | None, str]] = (),
        tiers_mode: str = "graduated",
    ) -> str:
        """Return the id of a new price; one-time with interval None, metered with a `meter` id.

        Each of `tiers` is up to a quantity, None: without end, for an amount of one.
        """
        with self._books.lock:
            body = billing_bodies.price(
                price_id or self._books.new_id("price"),
                self.clock.now(),
                amount=None if tiers else amount,
                currency=currency,
                interval=interval,
                interval_count=interval_count,
                meter=meter,
                active=active,
                livemode=livemode,
                tiers_mode=tiers_mode if tiers else None,
            )
            if tiers:
                prices.put_tiers(self._books, body, tiers)
            return self._put(body)

    def deactivate_price(self, price: str) -> None:
        """Stop selling the price; existing subscriptions keep it."""
        self._change("price", price, "price.updated", active=False)

    def create_meter(
        self, event_name: str = "voice_call_minutes", *, livemode: bool = False
    ) -> str:
        """Return the id of a new meter that sums the values of its events."""
        with self._books.lock:
            return str(meters.create(self._books, event_name, livemode=livemode)["id"])

    # Customers

    def create_customer(
        self,
        email: str = "billing@acme.example",
        name: str = "Acme",
        *,
        metadata: Mapping[str, str] | None = None,
        livemode: bool = False,
    ) -> str:
        """Return the id of a new customer."""
        params = {"email": email, "name": name, "metadata": metadata}
        with self._books.lock:
            return str(customers.enrol(self._books, params, livemode=livemode)["id"])

    def delete_customer(self, customer: str) -> None:
        """Delete a customer, after ending its subscriptions."""
        with self._books.lock:
            billing.forget_customer(self._books, self._books.get("customer", customer))

    def subscribe(
        self,
        customer: str,
        *prices: str,
        metadata: Mapping[str, str] | None = None,
        trial_days: int = 0,
        paid: bool = True,
    ) -> str:
        """Return the id of a new subscription made without a checkout.

        Its first invoice is paid and it is active; or the invoice is open and it is incomplete.
        """
        with self._books.lock:
            body = billing.subscribe(
                self._books,
                self._books.get("customer", customer),
                [self._books.get("price", one) for one in prices],
                metadata=dict(metadata or {}),
                trial_end=self.clock.now() + trial_days * billing.DAY_S if trial_days else None,
            )
            if paid:
                billing.pay(self._books, self._books.get("invoice", body["latest_invoice"]))
            return str(body["id"])

    # Subscriptions

    def complete(self, session: str, *, paid: bool = True) -> str:
        """Complete the checkout as its customer; return the id of the subscription.

        Not `paid`: with a slow payment method, the session is complete and the subscription
        incomplete.
        """
        with self._books.lock:
            body = checkout.complete(self._books, self._session(session), paid=paid)
            return str(body["id"])

    def pay_at_link(self, price: str, metadata: Body | None = None, **written: Any) -> str:
        """Pay at a payment link (`checkout.pay_at_link`); return the id of the subscription."""
        with self._books.lock:
            return str(checkout.pay_at_link(self._books, price, metadata or {}, written)["id"])

    def settle_checkout(self, session: str, *, paid: bool = True) -> None:
        """Let the slow payment of a completed session succeed or fail."""
        with self._books.lock:
            checkout.settle(self._books, self._session(session), paid=paid)

    def change(self, subscription: str, **fields: Any) -> None:
        """Set fields of a subscription, such as status="past_due"; sends …subscription.updated."""
        self._change("subscription", subscription, "customer.subscription.updated", **fields)

    def change_period(self, subscription: str, start: datetime, end: datetime) -> None:
        """Set the current period of all its items."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            period = {
                "current_period_start": int(start.timestamp()),
                "current_period_end": int(end.timestamp()),
            }
            items = [item | period for item in body["items"]["data"]]
            self.change(subscription, items=body["items"] | {"data": items})

    def change_price(self, subscription: str, price: str) -> None:
        """Move its first item to another price now, with a period that starts now."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            first, *others = body["items"]["data"]
            made = billing.new_item(
                self._books,
                subscription,
                self._books.get("price", price),
                self.clock.now(),
                None,
            )
            items = [made | {"id": first["id"]}, *others]
            self.change(subscription, items=body["items"] | {"data": items})

    def cancel_at_period_end(self, subscription: str, *, revoke: bool = False) -> None:
        """Cancel at the period's end as a customer does in the portal; `revoke` undoes it."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            self.change(
                subscription,
                **billing.ending(body, self.clock.now(), at_period_end=not revoke),
            )

    def cancel(self, subscription: str, reason: str = "cancellation_requested") -> None:
        """End it now; sends …subscription.deleted. After the last retry: "payment_failed"."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            billing.cancel(self._books, body, invoice_now=False, reason=reason)

    def pause(self, subscription: str) -> None:
        """Pause it, as when a trial ends without a card; sends …subscription.paused."""
        self._change("subscription", subscription, "customer.subscription.paused", status="paused")

    def resume(self, subscription: str) -> None:
        """Resume it; sends …subscription.resumed."""
        self._change("subscription", subscription, "customer.subscription.resumed", status="active")

    def trial_will_end(self, subscription: str) -> None:
        """Send the event that comes three days before the end of the trial."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            self._books.tell("customer.subscription.trial_will_end", body)

    def renew(
        self, subscription: str, *, paid: bool = True, service: tuple[int, int] | None = None
    ) -> str:
        """Begin the next period; return the id of its invoice, which is paid or declined.

        `service` are dates that somebody gave to the lines of its items while it was a draft.
        """
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            return str(billing.renew(self._books, body, paid=paid, service=service)["id"])

    def add_pending(
        self, subscription: str, amount: int, period: tuple[int, int], *, proration: bool = False
    ) -> None:
        """Put an item, or a proration, on the next invoice of a subscription."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            billing.add_pending(self._books, body, amount, period, proration=proration)

    # Invoices

    def pay_invoice(self, invoice: str) -> None:
        """Pay it; sends invoice.paid and invoice.payment_succeeded; unpaid becomes active."""
        with self._books.lock:
            billing.pay(self._books, self._books.get("invoice", invoice))

    def give_up_invoice(self, invoice: str, status: str = "void") -> None:
        """Make it "void" or "uncollectible", and send the event that says so."""
        with self._books.lock:
            billing.give_up(self._books, self._books.get("invoice", invoice), status)

    # Events

    def report_meter_errors(self, meter: str) -> str:
        """Report the bad meter events so far; return the id of the v2 event.

        The webhook receives the thin form, without the data, which /v2/core/events/ID returns.
        """
        with self._books.lock:
            bad = meters.faulty(self._books)
            event = meters.error_report(self._books, self._books.get("billing.meter", meter), bad)
            self.webhooks.publish(meters.thin(event))
            return str(event["id"])

    def tell(self, kind: str, of: Body) -> Body:
        """Publish an event of any type about any body; return it."""
        with self._books.lock:
            return copy.deepcopy(self._books.tell(kind, of))

    # Inspection

    def get(self, object_id: str) -> Body:
        """Return a copy of any object, by its id. Raises KeyError if there is none."""
        with self._books.lock:
            body = self._books.find(object_id)
            if body is None:
                raise KeyError(object_id)
            return copy.deepcopy(body)

    def all(self, kind: str) -> list[Body]:
        """Return copies of all objects of a kind, such as "customer", oldest first."""
        with self._books.lock:
            return copy.deepcopy(self._books.rows(kind)[::-1])

    def events(self, kind: str = "") -> list[Body]:
        """Return copies of all events, or of one type, in the order in which they happened."""
        return [one for one in self.all("event") if kind in ("", one["type"])]

    def asked(self, method: str = "", path: str = "") -> list[Asked]:
        """Return the requests so far, filtered by method and by the beginning of the path."""
        return [
            one
            for one in list(self._api.asked)
            if method in ("", one.method) and one.path.startswith(path)
        ]

    # Faults

    def break_api(self, fault: Fault, path: str = "/", times: int | None = None) -> None:
        """Fail requests to paths that begin so: the next `times` of them, or until `mend_api`.

        Fault.DOWN for every path also refuses connections.
        """
        self._api.breakage = Breakage(fault, path, times)
        if fault is Fault.DOWN and path == "/" and times is None:
            self._server.refuse()

    def mend_api(self) -> None:
        """Answer normally again."""
        self._api.breakage = None
        self._server.accept()

    def start(self) -> Self:
        """Start the fake, and return once it answers."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop, and close every connection."""
        self._server.stop()

    def _session(self, session: str) -> Body:
        return self._books.get("checkout.session", session)

    def _put(self, body: Body) -> str:
        return str(self._books.put(body)["id"])

    def _change(self, kind: str, object_id: str, event: str, **fields: Any) -> None:
        with self._books.lock:
            self._books.change(self._books.get(kind, object_id), event, **fields)
