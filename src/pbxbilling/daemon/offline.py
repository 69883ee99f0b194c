"""Serves the API in the command's own process, on the database, where no daemon runs."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack

import httpx
from fastapi import Request

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.config.settings import Settings
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.facts import Fact
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.web.actor import actor
from pbxbilling.web.api import always, api
from pbxbilling.web.api.services import Services
from pbxbilling.wiring.services import Ground, wire_services
from pbxbilling.wiring.stores import stores_of


async def serve_in_process(
    settings: Settings, request: httpx.Request, *, creates: bool, writes: bool
) -> httpx.Response:
    """Serve one request of the API. Raises StoreError.

    Only a command that `creates` makes a database that is not there; one that `writes` keeps
    daemons and other such commands off.
    """
    database = database_at(settings.database.place)
    async with AsyncExitStack() as held:
        if writes:
            await held.enter_async_context(database.alone())
        store = await held.enter_async_context(await SqlStore.open(database, create=creates))
        transport = httpx.ASGITransport(app=api(always(await _services(settings, store)), _user))
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.send(request)


async def _services(settings: Settings, store: SqlStore) -> Services:
    kept, clock = await store.accounts(), SystemClock()
    registry = Registry(kept.plans, kept.tenants, kept.version)
    in_force = InForce(settings.policy(), registry)
    ground = Ground.of(stores_of(store), in_force, clock, _nobody)
    return wire_services(ground, settings.retention.retention())


async def _user(_request: Request) -> Principal:
    return Principal.command(actor(os.geteuid(), os.environ.get("SUDO_USER")))


def _nobody(fact: Fact) -> None:
    """Discard a fact: there are no sinks where no daemon runs."""
    del fact
