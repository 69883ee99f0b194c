"""Reads the state that the daemon resumes from at a start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pbxbilling.accounts.ports import AccountStore
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.calls.live.records import CallRecord, LegRecord, PbxMark, UsageRow
from pbxbilling.calls.ports import CallStore
from pbxbilling.kernel.period import period_at

MERGES_KEPT = timedelta(days=7)  # afterwards a call is no longer found by ids merged into it


class Store(AccountStore, CallStore, Protocol):
    """The store of accounts and of calls."""


@dataclass(frozen=True, slots=True)
class StartupState:
    """Accounts, usage of each tenant's current period and its neighbours, open calls and legs."""

    registry: Registry
    usage: Sequence[UsageRow]
    marks: Mapping[str, PbxMark]
    open_calls: Sequence[CallRecord]
    open_legs: Sequence[LegRecord]
    merges: Mapping[str, str]
    unowned_legs: int
    notices: tuple[str, ...] = ()

    @property
    def lived_at(self) -> Mapping[str, datetime]:
        """For each PBX, when its open calls and legs were last known to be alive."""
        return {name: mark.lived_at for name, mark in self.marks.items() if mark.lived_at}

    @classmethod
    async def read(cls, store: Store, now: datetime, timezone: str) -> StartupState:
        """Read the state; `timezone` determines the month of legs without a tenant.

        `now` may be wrong, as on a machine that starts before NTP has set its clock, so usage is
        also read for the times at which its PBXes were last heard. Raises StoreError.
        """
        accounts, marks = await store.accounts(), await store.marks()
        times = {now, *(mark.heard_at for mark in marks.values() if mark.heard_at is not None)}
        around = [at + timedelta(days=days) for at in times for days in (-1, 0, 1)]
        begins = {(tenant.timezone, tenant.anchor_day) for tenant in accounts.tenants}
        begins.add((timezone, 1))
        months = {period_at(at, *when).month for at in around for when in begins}
        return cls(
            registry=Registry(accounts.plans, accounts.tenants, accounts.version),
            usage=[row for month in sorted(months) for row in await store.usage(month=month)],
            marks=marks,
            open_calls=await store.open_calls(),
            open_legs=await store.open_legs(),
            merges=await store.merges(min(times) - MERGES_KEPT),
            unowned_legs=len(await store.unowned_legs()),
            notices=accounts.notices,
        )
