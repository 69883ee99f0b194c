"""Find usage that was sent before its subscription's end was known, and after that end."""

from __future__ import annotations

from datetime import timedelta

from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.terms.status import Status
from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.payments.ports import MeteredMinutes
from pbxbilling.runtime.waiting import Event, sleep
from pbxbilling.subscriptions.facts import PaymentAlert
from pbxbilling.subscriptions.ports import SubscriptionStore

AGAIN_S = 60.0  # after the store failed


class LateUsage:
    """Looks at each tenant whose last subscription ended, once; its sink notes those tenants.

    Usage that is sent from then on is judged before it is sent (`Payers`).
    """

    def __init__(
        self,
        subscription_store: SubscriptionStore,
        minutes: MeteredMinutes,
        clock: Clock,
        emit: EventSink,
        *,
        gateway: GatewayName,
        live: bool,
    ) -> None:
        self._subscription_store = subscription_store
        self._minutes = minutes
        self._clock = clock
        self._emit = emit
        self._gateway = gateway
        self._live = live
        self._ended: dict[str, None] = {}  # tenants to look at, in order
        self._soon = Event()

    def sink(self, fact: Fact) -> None:
        """Note a tenant that is cancelled now."""
        if isinstance(fact, StatusChanged) and fact.after is Status.CANCELLED:
            self._ended[fact.tenant] = None
            self._soon.set()

    async def run(self) -> None:
        """Look at tenants as their subscriptions end, for ever."""
        while True:
            self._soon.clear()
            try:
                await self.look()
            except StoreError:
                await sleep(AGAIN_S)  # the store reports it itself
            else:
                await self._soon.wait()

    async def look(self) -> None:
        """Alert of what was sent too late, of the tenants noted so far. Raises StoreError."""
        while self._ended:
            slug = next(iter(self._ended))
            await self._look_at(slug)
            self._ended.pop(slug, None)

    async def _look_at(self, slug: str) -> None:
        known = await self._subscription_store.subscriptions(tenant=slug)
        ours = [one for one in known if one.live is self._live]
        ends = [one.ends_at for one in ours if one.is_over and one.ends_at is not None]
        if not ends or any(not one.is_over for one in ours):
            return
        ended_at = max(ends)
        since = ended_at + timedelta(seconds=1)  # gateways have whole seconds
        sent = await self._minutes.minutes(slug, since, self._clock.now())
        minutes = sent.get(UsageEventState.SENT, 0)
        if minutes:
            note = (
                f"{minutes} minutes reached {self._gateway}'s meter for calls that ended after the"
                f" subscription did ({ended_at:%Y-%m-%d %H:%M} UTC): no invoice has them, settle"
                " them by hand"
            )
            self._emit(PaymentAlert(self._clock.now(), f"tenant {slug}", note))
