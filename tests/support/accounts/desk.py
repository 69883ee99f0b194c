"""Accounts in memory with all that writes them: a file, commands, the gateway, the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pbxbilling.accounts.apply import Change
from pbxbilling.accounts.key_origin import AccountKind, SetBy
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Plan
from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.config.tenants_csv import read_tenants
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.subscription import Subscription
from tests.support.accounts.administration import administrations
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.subscriptions.records import subscription

FILE = "accounts.toml"


class AccountsDesk:
    """One registry and one store. A second instance starts as a daemon does after a restart."""

    def __init__(self, plans: Iterable[Plan] = (), tenants: Iterable[Tenant] = ()) -> None:
        self.store, self.clock = MemoryStore(), Clock()
        self.facts: list[Fact] = []
        self.registry = Registry(plans, tenants)
        self.writer = AccountWriter(
            self.store, self.registry, self.clock, self.facts.append, asyncio.Lock()
        )
        self.administration, self.calls = administrations(self.store, self.writer, self.clock)
        in_force = InForce(Policy(), self.registry)
        self.daily = DailyCheck(
            self.writer,
            self.store.subscription_store,
            self.store,
            self.clock,
            in_force,
        )
        self.follower = Follower(
            self.writer,
            self.store.subscription_store,
            self.clock,
            in_force,
            gateway=STRIPE,
            live=False,
        )

    async def apply(self, text: str, *, dry_run: bool = False, reset: bool = False) -> list[Change]:
        """Apply an accounts file."""
        file = read_accounts(text, FILE)
        return await self.administration.apply(file, named("root"), dry_run=dry_run, reset=reset)

    async def load(self, text: str, *, reset: bool = False) -> list[Change]:
        """Import a CSV file."""
        file = read_tenants(text, "tenants.csv")
        return await self.administration.apply(file, named("root"), dry_run=False, reset=reset)

    async def subscribe(self, slug: str, *prices: str) -> Subscription:
        """Receive a subscription in the state that the gateway reports."""
        picture = subscription(f"sub_{slug}", status=Status.ACTIVE, as_of=self.clock.now())
        return await self.follower.apply_snapshot(
            replace(picture, tenant=slug, prices=prices, live=False)
        )

    async def origins(self, slug: str, kind: AccountKind = AccountKind.TENANT) -> dict[str, SetBy]:
        """Return the last writer of each key of a tenant or plan; the file's may have no record."""
        return {one.key: one.by for one in await self.store.key_origins(kind, slug)}


def resets(changes: Iterable[Change]) -> Mapping[str, list[str]]:
    """Return the keys that would be reset, by plan or tenant."""
    found = {change.subject: [one.key for one in change.resets] for change in changes}
    return {subject: keys for subject, keys in found.items() if keys}


def toml(table: str, keys: Mapping[str, Any]) -> str:
    """Return a table of an accounts file."""
    lines = (f"{key} = {_toml(value)}" for key, value in keys.items())
    return f"[{table}]\n" + "".join(f"{line}\n" for line in lines)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    return str(value) if isinstance(value, int) else f'"{value}"'
