"""What SQLite's store and the one in memory have in common."""

from __future__ import annotations

from typing import Protocol

from pbxbilling.ports.accounts import AccountStore
from pbxbilling.ports.billing import Bills
from pbxbilling.ports.calls import CallStore
from pbxbilling.ports.core import Cursors
from pbxbilling.ports.privacy import Holdings
from pbxbilling.ports.subscriptions import Mirrors


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
