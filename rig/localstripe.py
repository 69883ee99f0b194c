"""localstripe, a third party's fake of Stripe, in a process of its own on loopback.

It has customers, legacy plans, cards, subscriptions on one plan and invoices, and sends webhooks
with real signatures about a second after each event. It has no prices, checkout or portal, and
never sends `customer.subscription.updated`; `rig.fakestripe` covers those.

Its own command line is not used: it listens on every interface and unpickles a file from the
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
from rig.waiting import patience_s

KEY = "sk_test_localstripe"
"""The API key; any key that begins with sk_ is accepted."""

GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000341"
"""A card that can be attached but on which every charge is declined."""

_TIMEOUT_S = 5.0


class LocalStripe(Running):
    """A running localstripe that forgets everything when it stops; a context manager.

    `url` is the base address of its API, `client` a client of the stripe package for it.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            self._process = _serving(listening)
        self._http: Any = stripe.RequestsClient(timeout=patience_s(_TIMEOUT_S))
        self.client = stripe.StripeClient(
            KEY, http_client=self._http, base_addresses={"api": self.url}, max_network_retries=0
        )

    def create_customer(self, name: str = "Acme", email: str = "billing@acme.example") -> str:
        """Return the id of a new customer without a card."""
        return self.client.v1.customers.create({"name": name, "email": email}).id

    def create_plan(
        self, amount: int = 1000, currency: str = "eur", interval: str = "month"
    ) -> str:
        """Return the id of a new legacy plan over `amount` minor units: localstripe's price."""
        params: Any = {
            "amount": amount,
            "currency": currency,
            "interval": interval,
            "product": {"name": "Voice"},
        }
        return self.client.v1.plans.create(params).id

    def add_card(self, customer: str, number: str = GOOD_CARD) -> str:
        """Return the id of a new card, which the customer pays with from now on."""
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
        """Create a tenant's customer and active subscription, and what they need; return both."""
        customer = self.create_customer(tenant)
        self.add_card(customer)
        return customer, self.subscribe(customer, self.create_plan(), tenant)

    def cancel_now(self, subscription: str) -> None:
        """End the subscription at once; sends customer.subscription.deleted."""
        self.client.v1.subscriptions.cancel(subscription)

    def cancel_at_period_end(self, subscription: str) -> None:
        """Let it run out. Stripe would send customer.subscription.updated; localstripe does not."""
        self.client.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})

    def webhook(self, url: str, secret: str, events: list[str] | None = None) -> None:
        """Send events from now on to `url`, signed with `secret`; only `events` if given."""
        body = {"url": url, "secret": secret, "events": events}
        address = f"{self.url}/_config/webhooks/rig"
        httpx.post(address, json=body, timeout=patience_s(_TIMEOUT_S)).raise_for_status()

    def stop(self) -> None:
        """End the process: its address refuses connections from now on."""
        self._http.close()
        self._process.kill()
        self._process.wait()


def _serving(listening: socket.socket) -> subprocess.Popen[bytes]:
    """Start the server's process, silence its warnings, and tie its life to the parent's.

    The socket listens before the process runs, so that an early client waits and is not refused.
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
        process_group=0,  # keeps Ctrl-C away: it is meant for the parent
    )


def _serve(number: int) -> None:
    """Answer on the listening socket with number `number`, until killed."""
    from aiohttp import web
    from localstripe import resources, server

    resources.store.dump_to_disk = lambda: None
    web.run_app(server.app, sock=socket.socket(fileno=number), access_log=None, print=None)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
