"""What SQLite's store and the one in memory have in common."""

from __future__ import annotations

from typing import Protocol

from pbxbilling.accounts.ports import AccountStore
from pbxbilling.billing.ports import StatementStore
from pbxbilling.calls.ports import CallStore
from pbxbilling.kernel.ports import Cursors
from pbxbilling.privacy.ports import RetentionStore
from pbxbilling.subscriptions.ports import SubscriptionStore


class WholeStore(AccountStore, CallStore, Cursors, Protocol):
    """A store with all its parts."""

    @property
    def retention_store(self) -> RetentionStore:
        """What grows old in it."""
        ...

    @property
    def statement_store(self) -> StatementStore:
        """What it keeps of statements."""
        ...

    @property
    def subscription_store(self) -> SubscriptionStore:
        """What it keeps of the gateway."""
        ...
