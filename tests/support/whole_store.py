"""What SQLite's store and the one in memory have in common."""

from __future__ import annotations

from typing import Protocol

from pbxbilling.accounts.ports import AccountStore
from pbxbilling.billing.ports import Bills
from pbxbilling.calls.ports import CallStore
from pbxbilling.kernel.ports import Cursors
from pbxbilling.privacy.ports import Holdings
from pbxbilling.subscriptions.ports import Mirrors


class WholeStore(AccountStore, CallStore, Cursors, Protocol):
    """A store with all its parts."""

    @property
    def holdings(self) -> Holdings:
        """What grows old in it."""
        ...

    @property
    def bills(self) -> Bills:
        """What it keeps of statements."""
        ...

    @property
    def mirrors(self) -> Mirrors:
        """What it keeps of the gateway."""
        ...
