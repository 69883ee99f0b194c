"""Make statements: previews of a period, interim copies of one, and the final statement.

Each is read, made and kept: `StatementReader` reads its material, `make_draft` makes it without a
store in sight, and one transaction keeps it. A cursor says how far a tenant's periods are closed,
and moves in the transaction that saves the final statement: so each is saved once, and a close
that a kill interrupts starts again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import require_tenant
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.billing.periods import cursor_of
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.rating.tariff import TariffVersions
from pbxbilling.billing.records import BilledLeg, SavedStatement
from pbxbilling.billing.statements.adjustments import adjustments
from pbxbilling.billing.statements.draft import Draft, adjusted_legs, make_draft
from pbxbilling.billing.statements.final import (
    ACTION,
    ACTOR,
    Final,
    audit_of,
    final_of,
    saved_fact,
)
from pbxbilling.billing.statements.material import Material
from pbxbilling.billing.statements.open_periods import OpenPeriods
from pbxbilling.billing.statements.read import StatementReader
from pbxbilling.billing.statements.statement import Statement, StatementKind
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.period import Period
from pbxbilling.kernel.ports import Clock, Cursors
from pbxbilling.kernel.records import Cursor, Record, nothing_more
from pbxbilling.runtime.background import Background, at_once
from pbxbilling.subscriptions.ports import SubscriptionStore


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

    @property
    def tenants(self) -> Mapping[str, Tenant]:
        """All tenants by slug, as they are now."""
        return self._registry.tenants

    def tenant(self, slug: str) -> Tenant:
        """Return the tenant of that slug. Raises NotFoundError."""
        return require_tenant(self._registry, slug)

    async def open_periods(self, slug: str) -> OpenPeriods:
        """Return the open periods of a tenant. Raises NotFoundError."""
        return await self._reader.open_periods(self.tenant(slug))

    @again_if_stale
    async def begin(self, tenants: Iterable[Tenant]) -> Mapping[str, datetime]:
        """Save where billing begins for those of these tenants for which it is not saved yet.

        Returns when the open period of each ends, by slug.
        """
        cursors, ends = [], {}
        async with self._writer.alone:  # a begin that is saved already may have moved on since
            async for periods, is_saved in self._reader.begins_of(tenants):
                slug, first = periods.tenant.slug, periods.first
                if not is_saved:
                    cursors.append(Cursor(cursor_of(slug), first.begins))
                ends[slug] = first.ends
            await self._writer.write(ACTION, (), ACTOR, cursors)
        return ends

    async def preview(self, slug: str, month: str | None = None) -> Issued:
        """Return the statement of an open period so far; None: the current period."""
        periods = await self.open_periods(slug)
        material = await self._reader.material(periods, periods.named(month))
        draft = await self._make(material, StatementKind.PREVIEW)
        return Issued(draft.statement, None, draft.legs)

    def tariff_versions(self, periods: OpenPeriods, period: Period) -> TariffVersions:
        """Return the tariffs in force in a period. Raises ContradictionError."""
        return self._reader.schedule(periods, period).tariff_versions

    async def adjusted(self, periods: OpenPeriods) -> list[BilledLeg]:
        """Return the legs of closed periods that the next statement charges anew."""
        changed = await self._reader.changed(periods)
        slug, month = periods.tenant.slug, periods.first.month
        legs = adjusted_legs(slug, month, adjustments(changed))
        return await self._in_background(partial(list, legs))

    @again_if_stale
    async def save_now(
        self,
        slug: str,
        actor: Actor,
        more: Callable[[SavedStatement], Sequence[Record]] = nothing_more,
    ) -> SavedStatement:
        """Save a numbered interim copy of the current period; it never replaces the final one.

        `more` gives what is saved with it.
        """
        async with self._writer.alone:
            periods = await self.open_periods(slug)
            material = await self._reader.material(periods, periods.named(None))
            draft = await self._make(material, StatementKind.INTERIM)
            saved = draft.saved(periods.next_number(draft.statement.period.month))
            at = self._clock.now()
            also = [saved, audit_of(saved, actor, at), *more(saved)]
            facts = [saved_fact(draft, saved, (), at)]
            await self._writer.write(ACTION, (), actor, also, facts=facts)
            return saved

    @again_if_stale
    async def close(self, slug: str, unread: Sequence[str] = ()) -> Final | None:
        """Save the final statement of the open period if it has ended; None: it has not.

        Saved with it in one transaction: copies of its legs, the use of its one-off lines, the
        setup fee as paid, and the begin of the next period. `unread` are PBXes that may still hold
        calls of the period.
        """
        async with self._writer.alone:
            final = await self.final(slug, unread)
            if final is None:
                return None
            becomes = [change.after for change in final.changes]
            await self._writer.save([final.records], becomes, final.facts)
            return final

    async def final(self, slug: str, unread: Sequence[str] = ()) -> Final | None:
        """Make what closes the open period, and save nothing; None: it has not ended."""
        periods, at = await self.open_periods(slug), self._clock.now()
        if periods.first.ends > at:
            return None
        material = await self._reader.material(periods, periods.first)
        draft = await self._make(material, StatementKind.FINAL)
        return final_of(draft, unread, at, periods.every[1].ends)

    async def _make(self, material: Material, kind: StatementKind) -> Draft:
        return await self._in_background(partial(make_draft, material, kind, self._clock.now()))
