"""The interface shared by SQLite's store and the one in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from pbxbilling.accounts.ports import AccountStore, AccountTransaction
from pbxbilling.billing.ports import BillingTransaction, StatementStore
from pbxbilling.calls.ports import CallStore
from pbxbilling.identity.ports import IdentityStore
from pbxbilling.kernel.ports import Consequences, Cursors
from pbxbilling.privacy.ports import RetentionStore
from pbxbilling.subscriptions.ports import SubscriptionStore

T = TypeVar("T")


class WholeTransaction(AccountTransaction, BillingTransaction, Protocol):
    """A transaction that reads statements, and counts the versions of the accounts."""


class WholeStore(AccountStore, CallStore, Cursors, Protocol):
    """A store with all its parts."""

    consequences: Consequences | None

    def transaction(self, key: str) -> AbstractAsyncContextManager[WholeTransaction]:
        """Open such a transaction."""
        ...

    async def transact(self, key: str, work: Callable[[WholeTransaction], Awaitable[T]]) -> T:
        """Run `work` in such a transaction."""
        ...

    @property
    def identity_store(self) -> IdentityStore:
        """The identity store on the same data."""
        ...

    @property
    def retention_store(self) -> RetentionStore:
        """The retention store on the same data."""
        ...

    @property
    def statement_store(self) -> StatementStore:
        """The statement store on the same data."""
        ...

    @property
    def subscription_store(self) -> SubscriptionStore:
        """The subscription store on the same data."""
        ...
