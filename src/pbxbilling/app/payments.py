"""Whether there is Stripe, as the configuration has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pbxbilling.app.facts import Facts
from pbxbilling.config.model import StripeSettings
from pbxbilling.ports import Clock
from pbxbilling.services.write import AccountWriter
from pbxbilling.store.sql import SqlStore

if TYPE_CHECKING:
    from pbxbilling.payments.service import Payments


def payments_of(
    stripe: StripeSettings,
    store: SqlStore,
    accounts: AccountWriter,
    clock: Clock,
    facts: Facts,
    grace_days: Callable[[], int],
) -> Payments | None:
    """Stripe's part of the daemon; None, and its package is not even loaded, while it is off."""
    if not stripe.enabled:
        return None
    from pbxbilling.payments.service import Payments

    payments = Payments(
        stripe.secret_key.get_secret_value(),
        [secret.get_secret_value() for secret in stripe.webhook_secrets],
        stripe.api_base,
        store,
        store.mirrors,
        accounts,
        clock,
        facts,
        grace_days,
    )
    facts.join([payments.sink])
    return payments
