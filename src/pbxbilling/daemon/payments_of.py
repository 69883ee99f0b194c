"""Whether there is Stripe, as the configuration has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.config.sections import StripeSettings
from pbxbilling.daemon.stores import Stores
from pbxbilling.daemon.tasks.supervisor import Supervisor
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.payments.ports import PaymentGateway
from pbxbilling.web.api.command import PaymentServices

if TYPE_CHECKING:
    from pbxbilling.daemon.payments import Payments


def payments_of(
    stripe: StripeSettings,
    stores: Stores,
    accounts: AccountWriter,
    clock: Clock,
    emit: EventSink,
    policy: Callable[[], Policy],
    known_until: Callable[[], Mapping[str, datetime | None]],
    supervisor: Supervisor,
) -> Payments | None:
    """Stripe's part of the daemon; None, and its package is not even loaded, while it is off."""
    if not stripe.enabled:
        return None
    from pbxbilling.daemon.payments import Payments

    return Payments(
        _stripe(stripe, clock),
        stores,
        accounts,
        clock,
        emit,
        policy,
        stripe.pages,
        known_until,
        supervisor,
    )


def _stripe(stripe: StripeSettings, clock: Clock) -> PaymentGateway:
    from pbxbilling.gateways.stripe.checkout import StripeCheckout
    from pbxbilling.gateways.stripe.client import StripeApi
    from pbxbilling.gateways.stripe.gateway import StripeGateway
    from pbxbilling.gateways.stripe.invoices import StripeInvoices
    from pbxbilling.gateways.stripe.meter import StripeMeter
    from pbxbilling.gateways.stripe.signature import StripeWebhooks

    api = StripeApi(stripe.secret_key.get_secret_value(), stripe.api_base)
    secrets = [secret.get_secret_value() for secret in stripe.webhook_secrets]
    return PaymentGateway(
        StripeGateway(api, clock),
        StripeWebhooks(secrets, clock),
        StripeCheckout(api, clock),
        StripeMeter(api),
        StripeInvoices(api),
        api.close,
    )


def payment_desk_of(payments: Payments | None) -> PaymentServices | None:
    """What commands are served with; None while Stripe is off."""
    if payments is None:
        return None
    return PaymentServices(
        payments.checkout,
        payments.subscriptions,
        payments.subscription_store,
        payments.usage,
        payments.invoicing.issue,
    )
