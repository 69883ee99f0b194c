"""Ports of billing: reads of statements and usage, and a transaction that includes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pbxbilling.accounts.records import PlanSwitched, TermsChanged
from pbxbilling.billing.figures import Charged
from pbxbilling.billing.records import (
    ALL_ENDED,
    BilledLeg,
    EndedPart,
    OneOffEntry,
    SavedStatement,
    StatementKey,
    Talk,
)
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.kernel.ports import Transaction


class StatementStore(Protocol):
    """Reads statements and what they are made from. Raises StoreError as the store does."""

    async def statements(
        self,
        *,
        tenant: str | None = None,
        month: str | None = None,
        documents: bool = True,
        after: StatementKey | None = None,
        limit: int | None = None,
    ) -> list[SavedStatement]:
        """Return saved statements by tenant, period and number; None does not filter.

        Without `documents` their documents are empty: a list of thousands does not need them.
        With `after` those that follow the one with that key, `limit` of them.
        """
        ...

    async def billed(
        self, tenant: str, *, month: str | None = None, of_month: str | None = None
    ) -> list[BilledLeg]:
        """Return legs on final statements by their ends; later copies of a leg come later."""
        ...

    async def billed_between(
        self, tenant: str, begins: datetime, ends: datetime, part: EndedPart = ALL_ENDED
    ) -> list[BilledLeg]:
        """Return copies on final statements of legs that ended in [begins, ends), by their ends."""
        ...

    async def billed_copies(self, keys: Iterable[ChannelKey]) -> list[BilledLeg]:
        """Return every copy of these legs on final statements, earlier statements first."""
        ...

    async def billed_before(self, tenant: str, begins: datetime, ends: datetime) -> list[BilledLeg]:
        """Return every copy of the legs of `legs_between`, earlier statements first."""
        ...

    async def legs_between(
        self, tenant: str, begins: datetime, ends: datetime, part: EndedPart = ALL_ENDED
    ) -> list[LegRecord]:
        """Return a tenant's answered legs that ended in [begins, ends), by their ends."""
        ...

    async def talk_between(self, tenant: str, begins: datetime, ends: datetime) -> Talk:
        """Return how much the legs of `legs_between` talked."""
        ...

    async def late_legs(self, tenant: str, begins: datetime, ends: datetime) -> list[LegRecord]:
        """Return those of `legs_between` that no final statement has in their current form."""
        ...

    async def charged(self, month: str) -> list[Charged]:
        """Return sums by currency and line kind, over final statements that begin in a month."""
        ...

    async def charged_to(self, month: str, tenants: Sequence[str]) -> dict[str, list[Charged]]:
        """Return the sums of `charged` for each of these tenants that was charged something."""
        ...

    async def units(self, reference: str) -> UnitsUsed | None:
        """Return the units that another program reported under a reference; None: none."""
        ...

    async def units_between(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[str, int]:
        """Return the units that a tenant used in [begins, ends), summed by meter."""
        ...

    async def one_offs(self, tenant: str) -> list[OneOffEntry]:
        """Return a tenant's one-off lines by number."""
        ...

    async def plan_switches(self, tenant: str, since: datetime) -> list[PlanSwitched]:
        """Return a tenant's changes of plan from `since` on, in order."""
        ...

    async def terms_changes(self, tenant: str, since: datetime) -> list[TermsChanged]:
        """Return what changed after `since` for a tenant and for all plans, as it was written."""
        ...


class BillingTransaction(Transaction, Protocol):
    """A transaction that also reads statements.

    To take a tenant's next number, read the highest and write one more. Transactions with the
    same key exclude each other, so no two read the same number.
    """

    @property
    def statement_store(self) -> StatementStore:
        """The statement store, as this transaction sees it with its own writes."""
        ...
