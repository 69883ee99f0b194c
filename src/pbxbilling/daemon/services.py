"""The services that commands are served with, the same whether a daemon runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pbxbilling.accounts.administer import Administration
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.billing.take_figures import Figures
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.calls.status import LiveStatus
from pbxbilling.config.sections import RetentionSettings
from pbxbilling.daemon.purge import purge_of
from pbxbilling.daemon.stores import Stores
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.payments.compare import Comparison
from pbxbilling.privacy.forget import Forgetter
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.web.api.command import BillingServices, PaymentServices, Services


def desk_of(
    stores: Stores,
    accounts: AccountWriter,
    clock: Clock,
    emit: EventSink,
    policy: Callable[[], Policy],
    kept: Callable[[], RetentionSettings],
    live: LiveStatus | None = None,
    payments: PaymentServices | None = None,
) -> Services:
    """All of them over one store; `live` is None where no daemon runs."""
    statements = Statements(
        stores.statement_store,
        stores.subscription_store,
        stores.cursors,
        accounts,
        clock,
        emit,
        asyncio.to_thread,
    )
    purge = purge_of(stores, clock, emit, kept)
    calls = CallAdministration(
        stores.accounts, stores.calls, accounts, clock, policy, live, lambda: asyncio.sleep(0)
    )
    return Services(
        Administration(stores.accounts, accounts, clock, policy, calls.reports, asyncio.to_thread),
        calls,
        DailyCheck(
            accounts,
            stores.subscription_store,
            stores.cursors,
            clock,
            emit,
            lambda: policy().grace_days,
        ),
        BillingServices.of(statements, stores.calls, stores.statement_store, accounts, clock),
        purge,
        Figures(
            accounts.registry,
            stores.subscription_store,
            stores.statement_store,
            clock,
            policy,
            asyncio.to_thread,
        ),
        Forgetter(
            stores.retention_store,
            stores.calls,
            stores.subscription_store,
            stores.cursors,
            accounts,
            purge,
            live,
        ),
        Comparison(accounts.registry, stores.statement_store, stores.minutes),
        payments,
    )
