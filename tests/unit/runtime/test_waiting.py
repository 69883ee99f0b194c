"""Long lists are built in parts, and calls are judged in between."""

from __future__ import annotations

import asyncio

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.catalog.plan import Plan
from pbxbilling.runtime.background import A_PART
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore

TENANTS = 2 * A_PART + 1


async def test_reports_of_many_tenants_are_made_in_parts() -> None:
    rests: list[None] = []

    async def rest() -> None:
        rests.append(None)

    store = MemoryStore()
    registry = Registry([Plan("p")], [Tenant(f"t{number:03}", "p") for number in range(TENANTS)])
    writer = AccountWriter(store, registry, Clock(), lambda _fact: None, asyncio.Lock())
    in_force = InForce(Policy(), registry)
    calls = CallAdministration(store, store, writer, Clock(), in_force, rest=rest)
    assert [one.tenant for one in await calls.tenants(None, 1000)] == sorted(registry.tenants)
    assert len(rests) == 2
    assert [one.tenant for one in await calls.usage.report(None, None)] == sorted(registry.tenants)
    assert len(rests) == 6
