"""Runs a command against the database where no daemon runs."""

from __future__ import annotations

import os

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.config.settings import Settings
from pbxbilling.daemon.stores import stores_of
from pbxbilling.daemon.wiring import Ground, wire_services
from pbxbilling.kernel.facts import Fact
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.store import SqlStore
from pbxbilling.web.actor import actor
from pbxbilling.web.api import COMMANDS, run
from pbxbilling.web.api.command import Arguments


async def run_offline(settings: Settings, command: str, given: Arguments) -> bytes:
    """Run a command and return its result as JSON.

    A command that only reads creates no database. Raises StoreError, and what the command raises.
    """
    creates = COMMANDS[command].writes and not given.get("dry_run")
    async with await SqlStore.open(settings.database.path, create=creates) as store:
        kept, clock = await store.accounts(), SystemClock()
        in_force = InForce(settings.policy(), Registry(kept.plans, kept.tenants))
        ground = Ground.of(stores_of(store), in_force, clock, _nobody)
        services = wire_services(ground, settings.retention.retention())
        who = actor(os.geteuid(), os.environ.get("SUDO_USER"))
        return await run(services, command, given, who)


def _nobody(fact: Fact) -> None:
    """Discard a fact: there are no sinks where no daemon runs."""
    del fact
