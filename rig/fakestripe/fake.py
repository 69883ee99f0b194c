"""The side of the fake that tests drive: what happens at Stripe, and how badly it answers.

Every method may be called from any thread, and takes effect at once. Each makes the events that
Stripe makes, which `webhooks` delivers.
"""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from rig.fakestripe import billing, billing_bodies, bodies, checkout, customers, meters
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

    `url` is the base address of its API, `webhooks` its delivery, `clock` its time.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.webhooks = Webhooks(self.clock)
        self._books = Books(self.clock, self.webhooks.publish)
        self._api = Api(self._books, {TEST_KEY: False, LIVE_KEY: True})
        self._server = Server(self._api, self.webhooks)
        self.url = f"http://127.0.0.1:{self._server.port}"

    # What there is to sell

    def create_price(
        self,
        amount: int = 1000,
        currency: str = "eur",
        *,
        interval: str | None = "month",
        interval_count: int = 1,
        meter: str | None = None,
        active: bool = True,
        livemode: bool = False,
        price_id: str = "",
    ) -> str:
        """Return the id of a price; one-time with interval None, metered with a `meter`'s id."""
        with self._books.lock:
            return self._put(
                billing_bodies.price(
                    price_id or self._books.new_id("price"),
                    self.clock.now(),
                    amount=amount,
                    currency=currency,
                    interval=interval,
                    interval_count=interval_count,
                    meter=meter,
                    active=active,
                    livemode=livemode,
                )
            )

    def deactivate_price(self, price: str) -> None:
        """Nobody can buy it any more; who has it keeps it."""
        self._change("price", price, "price.updated", active=False)

    def create_meter(
        self, event_name: str = "voice_call_minutes", *, livemode: bool = False
    ) -> str:
        """Return the id of a meter that sums the values of its events."""
        with self._books.lock:
            return str(meters.create(self._books, event_name, livemode=livemode)["id"])

    # Who buys it

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
        """Its subscriptions end first."""
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
        """Return the id of a subscription made without a checkout.

        Its first invoice is paid, and it is active; or open, and it is incomplete.
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

    # What happens to a subscription

    def complete(self, session: str, *, paid: bool = True) -> str:
        """The customer went through the checkout; returns the id of the subscription.

        Not `paid`: by a slow method, the session is complete, and the subscription incomplete.
        """
        with self._books.lock:
            body = checkout.complete(self._books, self._session(session), paid=paid)
            return str(body["id"])

    def pay_at_link(self, price: str, metadata: Body | None = None, **written: Any) -> str:
        """Somebody paid at a payment link, see there; returns the id of the subscription."""
        with self._books.lock:
            return str(checkout.pay_at_link(self._books, price, metadata or {}, written)["id"])

    def settle_checkout(self, session: str, *, paid: bool = True) -> None:
        """The slow payment of a completed session arrived, or failed."""
        with self._books.lock:
            checkout.settle(self._books, self._session(session), paid=paid)

    def change(self, subscription: str, **fields: Any) -> None:
        """Set fields of a subscription, such as status="past_due"; says …subscription.updated."""
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
        """Its first item is on another price from now on, with a period that starts now."""
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
        """As a customer does in the portal; `revoke` takes it back."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            self.change(
                subscription,
                **billing.ending(body, self.clock.now(), at_period_end=not revoke),
            )

    def cancel(self, subscription: str, reason: str = "cancellation_requested") -> None:
        """It ends now; says …subscription.deleted. After the last retry: "payment_failed"."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            billing.cancel(self._books, body, invoice_now=False, reason=reason)

    def pause(self, subscription: str) -> None:
        """A trial ended without a card; says …subscription.paused."""
        self._change("subscription", subscription, "customer.subscription.paused", status="paused")

    def resume(self, subscription: str) -> None:
        """Says …subscription.resumed."""
        self._change("subscription", subscription, "customer.subscription.resumed", status="active")

    def trial_will_end(self, subscription: str) -> None:
        """Three days before the end of the trial."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            self._books.tell("customer.subscription.trial_will_end", body)

    def renew(self, subscription: str, *, paid: bool = True) -> str:
        """The next period begins; returns the id of its invoice, which is paid or declined."""
        with self._books.lock:
            body = self._books.get("subscription", subscription)
            return str(billing.renew(self._books, body, paid=paid)["id"])

    # What happens to an invoice

    def pay_invoice(self, invoice: str) -> None:
        """Says invoice.paid and invoice.payment_succeeded; an unpaid subscription is active."""
        with self._books.lock:
            billing.pay(self._books, self._books.get("invoice", invoice))

    # What it tells

    def report_meter_errors(self, meter: str) -> str:
        """Tell of the bad meter events so far; returns the id of the v2 event.

        The webhook gets it thin, without its data, which /v2/core/events/ID has.
        """
        with self._books.lock:
            bad = meters.faulty(self._books)
            event = meters.error_report(self._books, self._books.get("billing.meter", meter), bad)
            self.webhooks.publish(meters.thin(event))
            return str(event["id"])

    def tell(self, kind: str, of: Body) -> Body:
        """An event of any type about any body; returns it."""
        with self._books.lock:
            return copy.deepcopy(self._books.tell(kind, of))

    def register_endpoint(self, url: str, *types: str) -> str:
        """Let /v1/webhook_endpoints show an endpoint; delivery is `webhooks.send_to`'s affair."""
        with self._books.lock:
            object_id = self._books.new_id("we")
            now = self.clock.now()
            return self._put(bodies.webhook_endpoint(object_id, now, url, list(types)))

    # What there is to see

    def get(self, object_id: str) -> Body:
        """A copy of any object, by its id. Raises KeyError if there is none."""
        with self._books.lock:
            body = self._books.find(object_id)
            if body is None:
                raise KeyError(object_id)
            return copy.deepcopy(body)

    def all(self, kind: str) -> list[Body]:
        """Copies of all objects of a kind, such as "customer", in the order in which they came."""
        with self._books.lock:
            return copy.deepcopy(self._books.rows(kind)[::-1])

    def events(self, kind: str = "") -> list[Body]:
        """Copies of all events, or of one type, in the order in which they happened."""
        return [one for one in self.all("event") if kind in ("", one["type"])]

    def asked(self, method: str = "", path: str = "") -> list[Asked]:
        """The requests so far, of a method, and to paths that begin so."""
        return [
            one
            for one in list(self._api.asked)
            if method in ("", one.method) and one.path.startswith(path)
        ]

    # How badly it answers

    def break_api(self, fault: Fault, path: str = "/", times: int | None = None) -> None:
        """Fail requests to paths that begin so, the next `times` of them or until mended.

        Fault.DOWN for every path refuses connections, too.
        """
        self._api.breakage = Breakage(fault, path, times)
        if fault is Fault.DOWN and path == "/" and times is None:
            self._server.refuse()

    def mend_api(self) -> None:
        """Answer again."""
        self._api.breakage = None
        self._server.accept()

    def start(self) -> Self:
        """Return once it answers."""
        self._server.start()
        return self

    def stop(self) -> None:
        """End every connection."""
        self._server.stop()

    def _session(self, session: str) -> Body:
        return self._books.get("checkout.session", session)

    def _put(self, body: Body) -> str:
        return str(self._books.put(body)["id"])

    def _change(self, kind: str, object_id: str, event: str, **fields: Any) -> None:
        with self._books.lock:
            self._books.change(self._books.get(kind, object_id), event, **fields)
