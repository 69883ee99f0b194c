"""Look up saved statements and the calls behind each of their lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.records import FINAL, BilledLeg, SavedStatement, StatementKey
from pbxbilling.billing.statements.adjustments import closed_statement
from pbxbilling.billing.statements.issue import Issued, Statements
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.ports import CallStore
from pbxbilling.kernel.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class CallOnStatement:
    """A leg on a statement, with its call record; None once that is deleted."""

    billed: BilledLeg
    record: LegRecord | None = None

    @property
    def caller(self) -> str | None:
        """The number that called."""
        return self.record.caller if self.record else None

    @property
    def call(self) -> str | None:
        """The id of the call that the leg belonged to."""
        return self.record.call if self.record else None

    @property
    def answered_at(self) -> datetime | None:
        """When it was answered."""
        return self.record.answered_at if self.record else None


@dataclass(frozen=True, slots=True)
class CallList:
    """The calls of a statement (`number` None: of a preview), in order of their ends."""

    tenant: str
    month: str
    number: int | None
    currency: str
    calls: tuple[CallOnStatement, ...]


class StatementLookup:
    """Reads saved statements and their calls. Raises StoreError and NotFoundError."""

    def __init__(
        self, statements: Statements, store: CallStore, statement_store: StatementStore
    ) -> None:
        self._statements = statements
        self._store = store
        self._statement_store = statement_store

    async def listed(
        self,
        tenant: str | None,
        month: str | None,
        after: StatementKey | None = None,
        limit: int | None = None,
    ) -> list[SavedStatement]:
        """Return saved statements without their documents; None does not filter.

        With `after` those that follow the one with that key, `limit` of them.
        """
        if tenant is not None:
            self._statements.tenant(tenant)
        return await self._statement_store.statements(
            tenant=tenant, month=month, documents=False, after=after, limit=limit
        )

    async def show(self, slug: str, month: str | None, number: int = FINAL) -> Issued:
        """Return a saved statement by month and number; without a month the last of that number."""
        saved = await self._saved(slug, month, number)
        legs: Sequence[BilledLeg] = ()
        if saved.is_final:
            legs = await self._statement_store.billed(slug, month=saved.month)
        late = tuple(leg.rated for leg in legs if leg.of_month != leg.month)
        return Issued(
            replace(closed_statement(saved, legs), late=late),
            number,
            tuple(legs),
            tuple(saved.document["notices"]),
        )

    async def _saved(self, slug: str, month: str | None, number: int) -> SavedStatement:
        self._statements.tenant(slug)
        known = await self._statement_store.statements(tenant=slug, month=month)
        found = [one for one in known if one.number == number]
        if found:
            return found[-1]
        if any(one.month == month for one in known):
            copies = ", ".join(str(one.number) for one in known if not one.is_final)
            msg = f"{slug} has no statement {month} of number {number}; its copies are {copies}"
        else:
            msg = (
                f"{slug} has no saved statement{f' of {month}' if month else ''}; `statement"
                f" preview {slug}` shows the period as it stands"
            )
        raise NotFoundError(msg)

    async def calls(self, slug: str, month: str | None, line: str | None = None) -> CallList:
        """Return the calls on the final statement of a month, else on the preview of its period.

        `line` filters by the key of a line.
        """
        issued = await self._issued(slug, month)
        statement = issued.statement
        if line is not None and all(line != one.key for one in statement.lines):
            keys = ", ".join(one.key for one in statement.lines)
            msg = f"the statement of {slug} has no line {line!r}; it has {keys}"
            raise NotFoundError(msg)
        chosen = [leg for leg in issued.legs if line is None or leg.rated.is_on(line)]
        period = statement.period
        return CallList(
            slug, period.month, issued.number, statement.currency, await self._opened(chosen)
        )

    async def _issued(self, slug: str, month: str | None) -> Issued:
        self._statements.tenant(slug)
        known = await self._statement_store.statements(tenant=slug, month=month, documents=False)
        if month is not None and any(one.is_final for one in known):
            return await self.show(slug, month)
        return await self._statements.preview(slug, month)

    async def _opened(self, legs: Sequence[BilledLeg]) -> tuple[CallOnStatement, ...]:
        known = await self._store.legs([leg.key for leg in legs])
        ordered = sorted(legs, key=lambda one: (one.rated.leg.ended_at, one.key))
        return tuple(CallOnStatement(leg, known.get(leg.key)) for leg in ordered)
