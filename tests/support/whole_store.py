"""What SQLite's store and the one in memory have in common."""

from __future__ import annotations

from typing import Protocol

from pbxbilling.ports import Bills, Holdings, Mirrors, Store


class WholeStore(Store, Protocol):
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
