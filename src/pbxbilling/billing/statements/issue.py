"""Make statements: previews of a period, interim copies of one, and the final statement.

Each is read, made and kept: `StatementReader` reads its material, `make_draft` makes it without a
store in sight, and one transaction keeps it. A cursor says how far a tenant's periods are closed,
and moves in the transaction that saves the final statement: so each is saved once, and a close
that a kill interrupts starts again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pbxbilling.accounts.apply import Change
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import require_tenant
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.records import FINAL, BilledLeg, SavedStatement
from pbxbilling.billing.statements.draft import Draft, make_draft
from pbxbilling.billing.statements.material import Material
from pbxbilling.billing.statements.open_periods import OpenPeriods
from pbxbilling.billing.statements.read import StatementReader, cursor_of
from pbxbilling.billing.statements.statement import Statement, StatementKind
from pbxbilling.kernel.money import from_minor
from pbxbilling.kernel.ports import Clock, Cursors
from pbxbilling.kernel.records import Cursor, Record
from pbxbilling.runtime.background import Background, at_once
from pbxbilling.subscriptions.ports import SubscriptionStore

ACTOR = "billing"
ACTION = "statement"


@dataclass(frozen=True, slots=True)
class Issued:
    """A statement with its legs and notices to the reader; `number` is None for a preview."""

    statement: Statement
    number: int | None
    legs: tuple[BilledLeg, ...]
    notices: tuple[str, ...] = ()


class Statements:
    """Makes and saves statements. Raises StoreError and AdministrationError."""

    def __init__(
        self,
        statement_store: StatementStore,
        subscription_store: SubscriptionStore,
        cursors: Cursors,
        writer: AccountWriter,
        in_force: InForce,
        clock: Clock,
        in_background: Background = at_once,
    ) -> None:
        self._reader = StatementReader(
            statement_store, subscription_store, cursors, in_force, clock
        )
        self._writer = writer
        self._registry = writer.registry
        self._clock = clock
        self._in_background = in_background

    def tenant(self, slug: str) -> Tenant:
        """Return the tenant of that slug. Raises NotFoundError."""
        return require_tenant(self._registry, slug)

    async def open_periods(self, slug: str) -> OpenPeriods:
        """Return the open periods of a tenant. Raises NotFoundError."""
        return await self._reader.open_periods(self.tenant(slug))

    async def begin(self, tenants: Iterable[Tenant]) -> Mapping[str, datetime]:
        """Save where billing begins for those of these tenants for which it is not saved yet.

        Returns when the open period of each ends, by slug.
        """
        cursors, ends = [], {}
        for tenant in tenants:
            periods, is_saved = await self._reader.begin_of(tenant)
            if not is_saved:
                cursors.append(Cursor(cursor_of(tenant.slug), periods.first.begins))
            ends[tenant.slug] = periods.first.ends
        await self._writer.write(ACTION, (), ACTOR, cursors)
        return ends

    async def preview(self, slug: str, month: str | None = None) -> Issued:
        """Return the statement of an open period so far; None: the current period."""
        periods = await self.open_periods(slug)
        material = await self._reader.material(periods, periods.named(month))
        draft = await self._make(material, StatementKind.PREVIEW)
        return Issued(draft.statement, None, draft.legs)

    async def save_now(self, slug: str, actor: str) -> SavedStatement:
        """Save a numbered interim copy of the current period; it never replaces the final one."""
        async with self._writer.alone:
            periods = await self.open_periods(slug)
            material = await self._reader.material(periods, periods.named(None))
            draft = await self._make(material, StatementKind.INTERIM)
            saved = draft.saved(periods.next_number(draft.statement.period.month))
            return await self._save(draft, saved, "statement save", actor)

    async def close(self, slug: str, unread: Sequence[str] = ()) -> SavedStatement | None:
        """Save the final statement of the open period if it has ended; None: it has not.

        Saved with it in one transaction: copies of its legs, the use of its one-off lines, the
        setup fee as paid, and the begin of the next period. `unread` are PBXes that may still hold
        calls of the period.
        """
        async with self._writer.alone:
            periods = await self.open_periods(slug)
            if periods.first.ends > self._clock.now():
                return None
            material = await self._reader.material(periods, periods.first)
            draft = await self._make(material, StatementKind.FINAL)
            saved, changes = draft.saved(FINAL, unread), draft.changes()
            also = [*draft.kept_with_final(), Cursor(cursor_of(slug), saved.ends)]
            return await self._save(draft, saved, ACTION, ACTOR, also, changes, unread)

    async def _make(self, material: Material, kind: StatementKind) -> Draft:
        return await self._in_background(partial(make_draft, material, kind, self._clock.now()))

    async def _save(
        self,
        draft: Draft,
        saved: SavedStatement,
        action: str,
        actor: str,
        also: Iterable[Record] = (),
        changes: Sequence[Change] = (),
        unread: Sequence[str] = (),
    ) -> SavedStatement:
        """Save a statement in one transaction, with its audit and what follows from the fact."""
        fact = StatementSaved(
            self._clock.now(),
            saved.tenant,
            saved.month,
            saved.number,
            saved.currency,
            saved.total,
            len(draft.statement.legs),
            tuple(unread),
        )
        audit = self._writer.audit(action, f"tenant {saved.tenant}", actor, None, _audited(saved))
        await self._writer.write(ACTION, changes, actor, [saved, *also, audit], facts=[fact])
        return saved


def _audited(saved: SavedStatement) -> dict[str, Any]:
    """Build the audit row's values for a statement."""
    return {
        "month": saved.month,
        "number": saved.number,
        "total": from_minor(saved.total, saved.currency),
        "currency": saved.currency,
    }
