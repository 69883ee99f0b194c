"""The services of routes that read, on a database that another process writes."""

from __future__ import annotations

import asyncio
from typing import Any

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.calls.ports import Live
from pbxbilling.config.settings import Settings
from pbxbilling.kernel.errors import NeedsDaemonError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock
from pbxbilling.store.store import SqlStore
from pbxbilling.web.api.services import Services
from pbxbilling.web_process.replica import Replica
from pbxbilling.wiring.services import Ground, wire_services
from pbxbilling.wiring.stores import stores_of


class Readers:
    """Gives the services, with plans and tenants as the database has them, and what is live."""

    def __init__(
        self, store: SqlStore, settings: Settings, clock: Clock, replica: Replica | None = None
    ) -> None:
        """Without a `replica` nothing is live."""
        self._store = store
        self._replica = replica
        self._registry = Registry()
        in_force = InForce(settings.policy(), self._registry)
        ground = Ground.of(stores_of(store), in_force, clock, _nobody)
        retention = settings.retention.retention()
        self._on_record = wire_services(ground, retention)
        self._live = (
            self._on_record
            if replica is None
            else wire_services(ground, retention, Live(replica, _not_here, _not_here))
        )
        self._reading = asyncio.Lock()

    async def services(self) -> Services:
        """Return the services, after a look whether accounts have changed. Raises StoreError."""
        if await self._store.account_version() != self._registry.version:
            async with self._reading:
                await self._read()
        is_live = self._replica is not None and self._replica.is_fresh
        return self._live if is_live else self._on_record

    async def _read(self) -> None:
        """Read all accounts, unless whoever had the lock before has read them."""
        if await self._store.account_version() == self._registry.version:
            return
        kept = await self._store.accounts()
        self._registry.swap(Registry(kept.plans, kept.tenants, kept.version))


def _not_here(*_: object) -> Any:
    """Refuse: what changes anything is the daemon's."""
    raise NeedsDaemonError("this process changes nothing")


def _nobody(fact: Fact) -> None:
    """Discard a fact: this process has no sinks, and changes nothing."""
    del fact
