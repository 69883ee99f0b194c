"""The services that commands are served with, the same whether a daemon runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pbxbilling.app.purge import purge_of
from pbxbilling.config.sections import RetentionSettings
from pbxbilling.domain.policy import Policy
from pbxbilling.ports.core import Clock, EventSink
from pbxbilling.ports.stores import Stores
from pbxbilling.services.administer import Administration
from pbxbilling.services.administer_calls import CallAdministration
from pbxbilling.services.compare import Comparison
from pbxbilling.services.daily import DailyCheck
from pbxbilling.services.figures import Figures
from pbxbilling.services.forget import Forgetter
from pbxbilling.services.inspect import Inspector
from pbxbilling.services.statements import Statements
from pbxbilling.services.write import AccountWriter
from pbxbilling.web.commands.command import BillingDesk, Desk, PaymentDesk


def desk_of(
    stores: Stores,
    accounts: AccountWriter,
    clock: Clock,
    emit: EventSink,
    policy: Callable[[], Policy],
    kept: Callable[[], RetentionSettings],
    live: Inspector | None = None,
    payments: PaymentDesk | None = None,
) -> Desk:
    """All of them over one store; `live` is None where no daemon runs."""
    statements = Statements(
        stores.bills, stores.mirrors, stores.cursors, accounts, clock, emit, asyncio.to_thread
    )
    purge = purge_of(stores, clock, emit, kept)
    calls = CallAdministration(
        stores.accounts, stores.calls, accounts, clock, policy, live, lambda: asyncio.sleep(0)
    )
    return Desk(
        Administration(stores.accounts, accounts, clock, policy, calls.reports, asyncio.to_thread),
        calls,
        DailyCheck(
            accounts, stores.mirrors, stores.cursors, clock, emit, lambda: policy().grace_days
        ),
        BillingDesk.of(statements, stores.calls, stores.bills, accounts, clock),
        purge,
        Figures(accounts.book, stores.mirrors, stores.bills, clock, policy, asyncio.to_thread),
        Forgetter(
            stores.holdings, stores.calls, stores.mirrors, stores.cursors, accounts, purge, live
        ),
        Comparison(accounts.book, stores.bills, stores.minutes),
        payments,
    )
