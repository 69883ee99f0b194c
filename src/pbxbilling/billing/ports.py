"""What the store keeps of statements, and a transaction over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.billing.figures import Charged
from pbxbilling.billing.records import BilledLeg, OneOffEntry, SavedStatement
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.kernel.ports import Transaction


class StatementStore(Protocol):
    """What the store keeps of statements; raises StoreError as the store does."""

    async def statements(
        self, *, tenant: str | None = None, month: str | None = None, documents: bool = True
    ) -> list[SavedStatement]:
        """Saved statements by tenant, period and number; None does not filter.

        Without `documents` theirs are empty: a list of thousands needs none.
        """
        ...

    async def billed(
        self, tenant: str, *, month: str | None = None, of_month: str | None = None
    ) -> list[BilledLeg]:
        """Legs on final statements in the order of their ends, later statements' copies later."""
        ...

    async def billed_copies(self, keys: Iterable[ChannelKey]) -> list[BilledLeg]:
        """Every copy of these legs on a final statement, earlier statements' first."""
        ...

    async def legs_between(self, tenant: str, begins: datetime, ends: datetime) -> list[LegRecord]:
        """A tenant's answered legs that ended in [begins, ends), in the order of their ends."""
        ...

    async def late_legs(self, tenant: str, begins: datetime, ends: datetime) -> list[LegRecord]:
        """Those of `legs_between` that are on no final statement as they are now."""
        ...

    async def charged(self, month: str) -> list[Charged]:
        """What final statements of periods that begin in a month have, by currency and line."""
        ...

    async def units(self, reference: str) -> UnitsUsed | None:
        """The units that another program told under a reference; None: none."""
        ...

    async def units_between(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[str, int]:
        """What a tenant used in [begins, ends), added up by meter."""
        ...

    async def one_offs(self, tenant: str) -> list[OneOffEntry]:
        """A tenant's one-off lines by number."""
        ...

    async def plan_switches(self, tenant: str, since: datetime) -> list[PlanSwitched]:
        """How a tenant's plan changed from then on, in order."""
        ...


class BillingTransaction(Transaction, Protocol):
    """A transaction that also reads what is kept of statements.

    It takes the next number of a tenant so: read the highest one, write one more. Transactions of
    one key exclude each other, so no two find the same.
    """

    @property
    def statement_store(self) -> StatementStore:
        """What the store keeps of statements, with what this transaction wrote."""
        ...
