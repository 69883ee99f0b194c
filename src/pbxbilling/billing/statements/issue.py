"""Make statements: previews of a period, interim copies of one, and the final statement.

A tenant's periods follow one another (`billing.periods`). A cursor says how far they are closed,
and moves in the transaction that saves the final statement: so each is saved once, and a close
that a kill interrupts starts again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pbxbilling.accounts.apply import Change, TenantChange
from pbxbilling.accounts.terms.registry import require_tenant
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.periods import first_begin, period_from
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.records import FINAL, BilledLeg, SavedStatement
from pbxbilling.billing.statements.draft import Draft, Material, drafted, gather, saved_statement
from pbxbilling.billing.statements.statement import Statement, StatementKind
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.money import from_minor
from pbxbilling.kernel.period import Period, period_of
from pbxbilling.kernel.ports import Clock, Cursors
from pbxbilling.kernel.records import Cursor
from pbxbilling.runtime.background import Background, at_once
from pbxbilling.subscriptions.ports import SubscriptionStore
from pbxbilling.subscriptions.subscription import Subscription

ACTOR = "billing"
ACTION = "statement"


def cursor_of(tenant: str) -> str:
    """Return the name of the cursor that says until when a tenant is billed."""
    return f"billed until: {tenant}"


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
        clock: Clock,
        in_background: Background = at_once,
    ) -> None:
        self._statement_store = statement_store
        self._subscription_store = subscription_store
        self._cursors = cursors
        self._writer = writer
        self._registry = writer.registry
        self._clock = clock
        self._in_background = in_background

    # --- periods -------------------------------------------------------------------------------

    async def open_period(self, tenant: Tenant) -> Period:
        """Return the first period not closed; the current one if billing has not begun."""
        subscription = await self.subscription_of(tenant)
        return await self._first_open(tenant, subscription, await self._closed(tenant))

    async def begin(self, tenants: Iterable[Tenant]) -> Mapping[str, datetime]:
        """Save where billing begins for those of these tenants for which it is not saved yet.

        Returns when the open period of each ends, by slug.
        """
        cursors, ends = [], {}
        for tenant in tenants:
            subscription = await self.subscription_of(tenant)
            name = cursor_of(tenant.slug)
            begins = await self._cursors.cursor(name)
            if begins is None:
                begins = first_begin(tenant, subscription, self._clock.now())
                cursors.append(Cursor(name, begins))
            ends[tenant.slug] = (await self._period(tenant, begins, subscription, ())).ends
        await self._writer.write(ACTION, (), ACTOR, cursors)
        return ends

    async def subscription_of(self, tenant: Tenant) -> Subscription | None:
        """Return the subscription that leads a tenant, or led it last; None for a demo."""
        if tenant.subscription is None or tenant.demo:
            return None
        return await self._subscription_store.subscription(tenant.subscription)

    async def _closed(self, tenant: Tenant) -> set[str]:
        known = await self._statement_store.statements(tenant=tenant.slug, documents=False)
        return {one.month for one in known if one.is_final}

    async def _first_open(
        self, tenant: Tenant, subscription: Subscription | None, taken: Collection[str]
    ) -> Period:
        begins = await self._cursors.cursor(cursor_of(tenant.slug))
        if begins is None:
            begins = first_begin(tenant, subscription, self._clock.now())
        return await self._period(tenant, begins, subscription, taken)

    async def _period(
        self,
        tenant: Tenant,
        begins: datetime,
        subscription: Subscription | None,
        taken: Collection[str],
    ) -> Period:
        cycles = (
            await self._subscription_store.cycles(tenant.slug) if subscription is not None else ()
        )
        return period_from(begins, tenant, subscription, cycles, taken)

    async def _open_periods(self, tenant: Tenant) -> list[Period]:
        """Return the periods not closed, up to the current one."""
        subscription, taken = await self.subscription_of(tenant), await self._closed(tenant)
        periods = [await self._first_open(tenant, subscription, taken)]
        while periods[-1].ends <= self._clock.now():
            taken.add(periods[-1].month)
            periods.append(await self._period(tenant, periods[-1].ends, subscription, taken))
        return periods

    async def period_of(self, tenant: Tenant, at: datetime) -> Period:
        """Return the open period that contains an instant. Raises AdministrationError: none."""
        periods = await self._open_periods(tenant)
        found = [one for one in periods if one.begins <= at < one.ends]
        if not found:
            begins, ends = periods[0].begins, periods[-1].ends
            msg = f"{at} is in no open period of {tenant.slug}: expected {begins} to {ends}"
            raise AdministrationError(msg)
        return found[0]

    async def billable_month(self, tenant: Tenant, month: str | None) -> str:
        """Return the name of a period that can still be charged; None: the current one."""
        periods = await self._open_periods(tenant)
        if month is None:
            return periods[-1].month
        if month < periods[0].month:
            msg = (
                f"period {month} of {tenant.slug} is closed: put it on {periods[0].month} or later"
            )
            raise AdministrationError(msg)
        return month

    # --- previews and interim copies -----------------------------------------------------------

    async def preview(self, slug: str, month: str | None = None) -> Issued:
        """Return the statement of an open period so far; None: the current period."""
        draft = await self._draft(self.tenant(slug), month, StatementKind.PREVIEW)
        return Issued(draft.statement, None, draft.legs)

    async def save_now(self, slug: str, actor: str) -> SavedStatement:
        """Save a numbered interim copy of the current period; it never replaces the final one."""
        async with self._writer.alone:
            tenant = self.tenant(slug)
            draft = await self._draft(tenant, None, StatementKind.INTERIM)
            month = draft.statement.period.month
            known = await self._statement_store.statements(
                tenant=slug, month=month, documents=False
            )
            number = 1 + max((one.number for one in known), default=FINAL)
            saved = saved_statement(draft.statement, number)
            audit = self._writer.audit(
                "statement save", f"tenant {slug}", actor, None, _audited(saved)
            )
            fact = self._saved(saved, len(draft.statement.legs))
            await self._writer.write(ACTION, (), actor, [saved, audit], facts=[fact])
        return saved

    async def _draft(self, tenant: Tenant, month: str | None, kind: StatementKind) -> Draft:
        periods = await self._open_periods(tenant)
        period = periods[-1] if month is None else await self._named(tenant, month, periods)
        is_next = period == periods[0]
        material = await self._material(tenant, period, is_next=is_next)
        return await self._in_background(partial(drafted, material, kind, self._clock.now()))

    async def _named(self, tenant: Tenant, month: str, periods: Sequence[Period]) -> Period:
        """Return the period of that name: an open one, or one before billing began."""
        found = next((one for one in periods if one.month == month), None)
        if found is not None:
            return found
        if month in await self._closed(tenant):
            show = f"statement show {tenant.slug} --month {month}"
            msg = f"period {month} of {tenant.slug} is closed: `{show}` prints its statement"
            raise AdministrationError(msg)
        calendar = period_of(month.partition(".")[0], tenant.timezone, tenant.anchor_day)
        if calendar.begins >= periods[0].begins:
            msg = f"{tenant.slug} has no period {month} yet: the current one is {periods[-1].month}"
            raise AdministrationError(msg)
        return replace(calendar, ends=min(calendar.ends, periods[0].begins))

    async def _material(self, tenant: Tenant, period: Period, *, is_next: bool) -> Material:
        subscription = await self.subscription_of(tenant)
        plans = self._registry.plans
        return await gather(
            self._statement_store, tenant, period, plans, subscription, is_next=is_next
        )

    # --- final statements ----------------------------------------------------------------------

    async def close(self, slug: str, unread: Sequence[str] = ()) -> SavedStatement | None:
        """Save the final statement of the open period if it has ended; None: it has not.

        Saved with it in one transaction: copies of its legs, the use of its one-off lines, the
        setup fee as paid, and the begin of the next period. `unread` are PBXes that may still hold
        calls of the period.
        """
        async with self._writer.alone:
            tenant = self.tenant(slug)
            period = await self.open_period(tenant)
            if period.ends > self._clock.now():
                return None
            material = await self._material(tenant, period, is_next=True)
            at = self._clock.now()
            draft = await self._in_background(partial(drafted, material, StatementKind.FINAL, at))
            saved = saved_statement(draft.statement, FINAL, _notices(unread))
            audit = self._writer.audit(ACTION, f"tenant {slug}", ACTOR, None, _audited(saved))
            cursor = Cursor(cursor_of(slug), period.ends)
            kept = [saved, *draft.kept_with(), cursor, audit]
            fact = self._saved(saved, len(draft.statement.legs), tuple(unread))
            paid = _paid_setup(tenant, draft)
            await self._writer.write(ACTION, paid, ACTOR, kept, facts=[fact])
        return saved

    def _saved(
        self, saved: SavedStatement, legs: int, unread: tuple[str, ...] = ()
    ) -> StatementSaved:
        return StatementSaved(
            self._clock.now(),
            saved.tenant,
            saved.month,
            saved.number,
            saved.currency,
            saved.total,
            legs,
            unread,
        )

    def tenant(self, slug: str) -> Tenant:
        """Return the tenant of that slug. Raises NotFoundError."""
        return require_tenant(self._registry, slug)


def _paid_setup(tenant: Tenant, draft: Draft) -> Sequence[Change]:
    """Mark the setup fee as paid if this statement charges it, so that it is charged once."""
    if tenant.setup_paid_at is not None or tenant.demo or not draft.charges_setup:
        return ()
    paid_at = draft.statement.period.begins
    return (TenantChange(tenant, replace(tenant, setup_paid_at=paid_at)),)


def _notices(unread: Sequence[str]) -> list[str]:
    return [
        f"PBX {pbx}: its calls until the period's end could not be read in time; what comes later"
        " is adjusted on the next statement"
        for pbx in unread
    ]


def _audited(saved: SavedStatement) -> dict[str, Any]:
    """Build the audit row's values for a statement."""
    return {
        "month": saved.month,
        "number": saved.number,
        "total": from_minor(saved.total, saved.currency),
        "currency": saved.currency,
    }
