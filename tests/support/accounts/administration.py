"""The administration of accounts and of calls on a store in memory, without a daemon."""

from __future__ import annotations

from pbxbilling.accounts.administer import Administration
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.kernel.ports import Clock
from tests.support.store.whole_store import WholeStore


def administrations(
    store: WholeStore, writer: AccountWriter, clock: Clock, policy: Policy | None = None
) -> tuple[Administration, CallAdministration]:
    """Return the one for accounts and the one for calls."""
    in_force = InForce(policy or Policy(), writer.registry)
    calls = CallAdministration(store, store, writer, clock, in_force)
    return Administration(store, writer, clock, in_force, calls.reports), calls
