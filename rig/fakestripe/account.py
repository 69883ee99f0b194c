"""What the owner of the account sets in Stripe's dashboard: endpoints, and the portal."""

from datetime import UTC, datetime

from rig.fakestripe import bodies
from rig.fakestripe.books import Books


class Account:
    """The settings of the fake's account, in test mode."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def register_endpoint(self, url: str, *types: str) -> str:
        """List an endpoint in /v1/webhook_endpoints; `webhooks.send_to` sets the delivery."""
        with self._books.lock:
            object_id = self._books.new_id("we")
            now = self._books.clock.now()
            made = bodies.webhook_endpoint(object_id, now, url, list(types))
            return str(self._books.put(made)["id"])

    def register_destination(self, url: str, *types: str) -> str:
        """List an endpoint for thin events in /v2/core/event_destinations."""
        with self._books.lock:
            object_id = self._books.new_id("ed")
            at = datetime.fromtimestamp(self._books.clock.now(), UTC).isoformat()
            made = bodies.event_destination(object_id, at, url, list(types))
            return str(self._books.put(made)["id"])

    def disable(self, endpoint: str) -> None:
        """Disable an endpoint, as Stripe does after days without an answer."""
        with self._books.lock:
            self._books.get("webhook_endpoint", endpoint).update(status="disabled")

    def configure_portal(
        self, cancels: str = "at_period_end", *, cards: bool = True, invoices: bool = True
    ) -> str:
        """Save the portal's default configuration; `cancels` "": customers cannot cancel there."""
        with self._books.lock:
            for old in self._books.rows("billing_portal.configuration"):
                old.update(is_default=False, active=False)
            made = bodies.portal_configuration(
                self._books.new_id("bpc"),
                self._books.clock.now(),
                cancels=cancels,
                cards=cards,
                invoices=invoices,
            )
            return str(self._books.put(made)["id"])
