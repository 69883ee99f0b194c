"""localstripe: a Stripe that nobody here wrote, in a process of its own on loopback.

It knows customers, legacy plans, cards, subscriptions on one plan, invoices, and sends webhooks
with real signatures about a second after each event. It has no prices, no checkout and no portal,
and never says `customer.subscription.updated`; `rig.fakestripe` is there for those.

Its own command line is not used: that listens on every interface and unpickles a file from the
temporary folder.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import stripe

from rig.running import Running

KEY = "sk_test_localstripe"
"""Any key that begins with sk_ is let in."""

GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000341"
"""Can be attached; every charge on it is declined."""

_TIMEOUT_S = 5.0


class LocalStripe(Running):
    """A running localstripe that forgets everything at its end; a context manager.

    `url` is the base address of its API, `client` the stripe package's own client for it.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            self._process = _serving(listening)
        self._http: Any = stripe.RequestsClient(timeout=_TIMEOUT_S)
        self.client = stripe.StripeClient(
            KEY, http_client=self._http, base_addresses={"api": self.url}, max_network_retries=0
        )

    def create_customer(self, name: str = "Acme", email: str = "billing@acme.example") -> str:
        """Return the id of a new customer without a card."""
        return self.client.v1.customers.create({"name": name, "email": email}).id

    def create_plan(
        self, amount: int = 1000, currency: str = "eur", interval: str = "month"
    ) -> str:
        """Return the id of a new legacy plan over `amount` minor units; what it has for prices."""
        params: Any = {
            "amount": amount,
            "currency": currency,
            "interval": interval,
            "product": {"name": "Voice"},
        }
        return self.client.v1.plans.create(params).id

    def add_card(self, customer: str, number: str = GOOD_CARD) -> str:
        """Return the id of a card that is from now on what the customer pays with."""
        card: Any = {"number": number, "exp_month": 12, "exp_year": 2050, "cvc": "123"}
        method = self.client.v1.payment_methods.create({"type": "card", "card": card})
        self.client.v1.payment_methods.attach(method.id, {"customer": customer})
        settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
        self.client.v1.customers.update(customer, settings)
        return method.id

    def subscribe(self, customer: str, plan: str, tenant: str) -> str:
        """Return the id of a new subscription; its metadata names the tenant.

        It is active with a good card, and incomplete with a declined one.
        """
        params: Any = {
            "customer": customer,
            "items": [{"plan": plan}],
            "metadata": {"tenant": tenant},
        }
        return self.client.v1.subscriptions.create(params).id

    def subscribed_tenant(self, tenant: str) -> tuple[str, str]:
        """Customer and active subscription of a tenant, with all that it takes."""
        customer = self.create_customer(tenant)
        self.add_card(customer)
        return customer, self.subscribe(customer, self.create_plan(), tenant)

    def cancel_now(self, subscription: str) -> None:
        """End it; says customer.subscription.deleted."""
        self.client.v1.subscriptions.cancel(subscription)

    def cancel_at_period_end(self, subscription: str) -> None:
        """Let it run out. Stripe would say customer.subscription.updated; localstripe does not."""
        self.client.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})

    def webhook(self, url: str, secret: str, events: list[str] | None = None) -> None:
        """Send what happens from now on to `url`, signed with `secret`; only `events` if given."""
        body = {"url": url, "secret": secret, "events": events}
        address = f"{self.url}/_config/webhooks/rig"
        httpx.post(address, json=body, timeout=_TIMEOUT_S).raise_for_status()

    def stop(self) -> None:
        """End the process: from now on its address refuses connections."""
        self._http.close()
        self._process.kill()
        self._process.wait()


def _serving(listening: socket.socket) -> subprocess.Popen[bytes]:
    """The server's process. Its warnings are its own affair, and it ends with whoever started it.

    The socket listens before the process runs: whoever connects early waits, and is not refused.
    """
    number = listening.fileno()
    return subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL", sys.executable, "-W", "ignore"),
            *("-m", "rig.localstripe", str(number)),
        ],
        cwd=Path(__file__).parent.parent,
        env={name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"},
        stdin=subprocess.DEVNULL,
        pass_fds=(number,),
        process_group=0,  # Ctrl-C is for whoever started us
    )


def _serve(number: int) -> None:
    """Answer on the listening socket `number`, until killed."""
    from aiohttp import web
    from localstripe import resources, server

    resources.store.dump_to_disk = lambda: None
    web.run_app(server.app, sock=socket.socket(fileno=number), access_log=None, print=None)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
