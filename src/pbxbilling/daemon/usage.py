"""Whether usage is taken over HTTP, as the configuration has it."""

from __future__ import annotations

from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.count_units import UnitCounter
from pbxbilling.config.sections import UsageSettings
from pbxbilling.daemon.stores import Stores
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.web.usage import UsageEndpoint


def usage_door_of(
    settings: UsageSettings, stores: Stores, accounts: AccountWriter, clock: Clock, emit: EventSink
) -> UsageEndpoint | None:
    """Who takes it; None without a token."""
    token = settings.token.get_secret_value()
    if not token:
        return None
    return UsageEndpoint(token, UnitCounter(stores.statement_store, accounts, clock), clock, emit)
