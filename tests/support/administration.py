"""Commands about accounts and calls over a store in memory, where no daemon runs."""

from __future__ import annotations

from collections.abc import Callable

from pbxbilling.accounts.administer import Administration
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.kernel.ports import Clock
from tests.support.whole_store import WholeStore


def administrations(
    store: WholeStore, writer: AccountWriter, clock: Clock, policy: Callable[[], Policy] = Policy
) -> tuple[Administration, CallAdministration]:
    """Those of accounts, and those of calls."""
    calls = CallAdministration(store, store, writer, clock, policy)
    return Administration(store, writer, clock, policy, calls.reports), calls
