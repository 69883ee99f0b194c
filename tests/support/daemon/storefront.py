"""A daemon that sells through our fake of Stripe: quick to set up, with readable records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from sqlite3 import Row
from typing import Any, NamedTuple, Self

from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.subscriptions.events import UNFINISHED
from pbxbilling.subscriptions.inbox import SWEEP_S
from pbxbilling.subscriptions.sync import CURSOR
from rig.fakestripe import TEST_KEY, FakeStripe
from rig.virtualpbx.pbx import Placed
from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.database import rows
from tests.support.telemetry.scrape import sample

SECRET = "whsec_shop"
OLD_SECRET = "whsec_shop_before"
HOOK = "/api/stripe/webhook"
PRICE = "price_pro"
TENANTS = 60

_PLANS = f'[plan.free]\n[plan.pro]\nstripe_prices = {{ flat = "{PRICE}" }}\n'


class Verdict(NamedTuple):
    """The verdict of the hook on a call."""

    word: str
    tenant: str
    direction: str
    reason: str


def stripe_section(api: str, key: str = TEST_KEY) -> str:
    """Return `[stripe]` of a daemon whose webhook secret is being rotated."""
    return (
        f'[stripe]\nenabled = true\nsecret_key = "{key}"\napi_base = "{api}"\n'
        f'webhook_secrets = ["{SECRET}", "{OLD_SECRET}"]\n'
    )


class Storefront:
    """The daemon, the fake, and a supply of unused tenants; a context manager."""

    def __init__(
        self, directory: Path, *, journal: bool = False, place: DatabaseUrl | None = None
    ) -> None:
        self.fake = FakeStripe()
        sections = stripe_section(self.fake.url)
        self.site = VirtualSite(directory, sections=sections, place=place, journal=journal)
        self._known = 0

    def __enter__(self) -> Self:
        self.fake.__enter__()
        self.site.__enter__()
        self.fake.create_price(price_id=PRICE)
        self.fake.webhooks.send_to(f"http://{self.site.http}{HOOK}", SECRET)
        self.site.start()
        self.admit(*(f"t{number}" for number in range(TENANTS)))
        return self

    def __exit__(self, *fault: object) -> None:
        self.site.__exit__()
        self.fake.__exit__(None, None, None)

    def admit(self, *slugs: str) -> None:
        """Add tenants to the accounts, on the free plan."""
        tenants = "".join(f'[tenant.{slug}]\nplan = "free"\n' for slug in slugs)
        self.site.put("/accounts", text=_PLANS + tenants, source="shop", dry_run=False, reset=True)

    def meter(self, *slugs: str) -> list[Buyer]:
        """Return tenants whose usage goes to Stripe's meter, each with a subscription."""
        self.fake.create_meter()
        tenants = "".join(
            f'[tenant.{slug}]\nplan = "pro"\ncharges = "meter_events"\n' for slug in slugs
        )
        self.site.put("/accounts", text=_PLANS + tenants, source="shop", dry_run=False, reset=True)
        buyers = [Buyer(self, slug).buys() for slug in slugs]
        self.settle()
        return buyers

    def metered(self) -> Counter[str]:
        """Return the minutes at Stripe's meter, by customer."""
        sums: Counter[str] = Counter()
        for event in self.fake.all("billing.meter_event"):
            sums[event["payload"]["stripe_customer_id"]] += int(event["payload"]["value"])
        return sums

    def buyer(self) -> Buyer:
        """Return a tenant that no test has used yet."""
        self._known += 1
        assert self._known <= TENANTS
        return Buyer(self, f"t{self._known - 1}")

    def restart(self) -> None:
        """Restart the daemon, and return when it has searched for lost events."""
        compared = self._compared_at()
        self.site.stop()
        self.site.start()
        until(lambda: self._compared_at() != compared, "events are compared with Stripe's")

    def _compared_at(self) -> int:
        (cursor,) = self.rows("SELECT at FROM cursor WHERE name = ?", CURSOR)
        return int(cursor["at"])

    # --- its records -----------------------------------------------------------------------------

    def rows(self, query: str, *values: str) -> Sequence[Row] | Sequence[dict[str, Any]]:
        """Return rows of its database."""
        return rows(self.site.place, query, *values)

    def webhook_events(self) -> dict[str, str]:
        """Return every stored event and its state."""
        return {row["id"]: row["state"] for row in self.rows("SELECT id, state FROM letter")}

    def settle(self) -> None:
        """Return when all events were posted and all that arrived was processed.

        On a busy machine the daemon sometimes gives up on Stripe and retries half a minute later.
        """
        self.fake.webhooks.settle()
        until(lambda: not self.unfinished(), "events are worked off", SWEEP_S + 15)

    def settled(self) -> dict[str, str]:
        """Return the stored events, once those of earlier tests are all processed."""
        self.settle()
        return self.webhook_events()

    def letters_in(self, state: str) -> list[str]:
        """Return the stored events in that state."""
        return [ident for ident, now in self.webhook_events().items() if now == state]

    def unfinished(self) -> Counter[str]:
        """Count the stored events in each state that is not final."""
        states = Counter(self.webhook_events().values())
        return Counter({state: states[state] for state in UNFINISHED if states[state]})

    def count(self, name: str, **labels: str) -> float:
        """Return a counter of its metrics; 0 where there is none yet."""
        return sample(self.site.http, f"pbxbilling_{name}_total", **labels)

    # --- incoming requests -----------------------------------------------------------------------

    def post(
        self, body: bytes, headers: Mapping[str, str], *, chunked: bool = False
    ) -> tuple[int, str]:
        """Post to the webhook; return the answer's status and text. Chunked: without a length."""
        host, _, port = self.site.http.rpartition(":")
        with closing(HTTPConnection(host, int(port), timeout=patience_s(10))) as connection:
            sent: Any = iter([body[:4096], body[4096:]]) if chunked else body
            connection.request("POST", HOOK, sent, dict(headers), encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


class Buyer:
    """A tenant that buys."""

    def __init__(self, shop: Storefront, slug: str) -> None:
        self.shop, self.fake, self.slug = shop, shop.fake, slug
        self.customer = self.fake.create_customer(name=slug)
        self.subscription = ""
        self.invoice = ""

    def buys(self, *, paid: bool = True, trial_days: int = 0) -> Self:
        """Subscribe to the plan on sale; not `paid`: the card was declined."""
        self.subscription = self.fake.subscribe(
            self.customer, PRICE, metadata={"tenant": self.slug}, paid=paid, trial_days=trial_days
        )
        return self

    def becomes(self, status: str, **fields: Any) -> Self:
        """Change the status at Stripe."""
        self.fake.change(self.subscription, status=status, **fields)
        return self

    def renews(self, *, paid: bool) -> Self:
        """Renew: the next period's invoice is paid, or declined."""
        self.invoice = self.fake.renew(self.subscription, paid=paid)
        return self

    def settled(self) -> Self:
        """Wait until the daemon has received and processed all of that."""
        self.shop.settle()
        return self

    @property
    def row(self) -> dict[str, Any]:
        """Return the tenant's row of `tenants`."""
        rows: list[dict[str, Any]] = self.shop.site.get("/tenants")
        return next(row for row in rows if row["tenant"] == self.slug)

    @property
    def status(self) -> str:
        """Return its status."""
        return str(self.row["status"])

    @property
    def turns(self) -> list[str]:
        """Return the statuses that the gateway gave it, from the audit trail."""
        rows = self.shop.rows(
            "SELECT after FROM audit WHERE subject = ? AND actor = 'gateway' ORDER BY id",
            f"tenant {self.slug}",
        )
        changes = [json.loads(row["after"]) for row in rows]
        return [change["status"] for change in changes if "status" in change]

    def calls(self, talk_s: float = 0.0) -> Future[Placed]:
        """Place an outbound call."""
        return self.shop.site.call(self.slug, "0155501", ring_s=0.0, talk_s=talk_s)

    def verdict(self) -> Verdict:
        """Return the hook's verdict on its next outbound call."""
        fields = self.calls().result(patience_s(10)).verdict.split("|")
        return Verdict(*fields[:4])
