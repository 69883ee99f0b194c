"""Usage of tenants by period, estimated legs, and the assignment of unowned legs."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.accounts.facts import SubjectKind
from pbxbilling.accounts.records import Act
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Terms, require_tenant, require_terms, slugs_after
from pbxbilling.accounts.terms.tenant import UNOWNED, Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import ALL_LEGS, LegAssigned, LegPart, LegRecord
from pbxbilling.calls.metering.usage_event import LegMetered, is_metered
from pbxbilling.calls.ports import CallStore, Live
from pbxbilling.calls.usage_report import UsageReport, usage_reports
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.period import period_at
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.background import Rest, in_parts

_ASSIGN = Act(AuditEvent.USAGE_ASSIGNED, "usage assign")


class CallUsage:
    """The commands about usage. Methods raise StoreError where the database cannot serve."""

    def __init__(
        self,
        store: CallStore,
        writer: AccountWriter,
        clock: Clock,
        in_force: InForce,
        live: Live | None,
        rest: Rest,
    ) -> None:
        """`live` is None where no daemon runs."""
        self._store = store
        self._writer = writer
        self._registry = writer.registry
        self._clock = clock
        self._in_force = in_force
        self._live = live
        self._rest = rest

    async def report(
        self,
        tenant: str | None,
        month: str | None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[UsageReport]:
        """Return usage of the period that begins in a month (None: each tenant's current period).

        Includes every tenant, with usage or without; unowned legs only where there are any, last.
        With `limit` the rows of so many tenants, those after a slug, or (UNOWNED) after the last.
        """
        if after == UNOWNED:
            return []
        tenants = self._some(tenant, after, limit)
        is_last = tenant is None and (limit is None or len(tenants) < limit)
        now = self._clock.now()
        named = ((one.slug, month or one.period_at(now).month) for one in tenants)
        months: dict[str | None, str] = dict(await in_parts(named, self._rest))
        if is_last:
            months[None] = month or period_at(now, self._in_force.policy.timezone).month
        rows = [
            row
            for each in sorted(set(months.values()))
            for row in await self._store.usage(
                month=each, among=None if is_last else [one.slug for one in tenants]
            )
            if months.get(row.tenant, each if is_last and self._is_gone(row.tenant) else "") == each
        ]
        also = [key for key in months.items() if key[0]]
        return await in_parts(usage_reports(rows, self._registry, also), self._rest)

    def _is_gone(self, tenant: str | None) -> bool:
        return tenant is not None and tenant not in self._registry.tenants

    def _some(self, tenant: str | None, after: str | None, limit: int | None) -> list[Tenant]:
        known = self._registry.tenants
        if tenant is not None:
            return [require_tenant(self._registry, tenant)] if after is None else []
        slugs = known if limit is None else slugs_after(known, after, limit)
        return [known[slug] for slug in slugs]

    async def unowned(self, part: LegPart = ALL_LEGS) -> list[LegRecord]:
        """Return answered and ended trunk legs without a tenant, newest first."""
        return await self._store.unowned_legs(part)

    async def estimated(
        self, tenant: str | None, month: str | None, part: LegPart = ALL_LEGS
    ) -> list[LegRecord]:
        """Return legs with an answer or end that was not seen, newest first.

        They are charged only as far as they are proven (`LegRecord.unproven_s`).
        """
        if tenant is not None:
            require_tenant(self._registry, tenant)
        return await self._store.estimated_legs(tenant=tenant, month=month, part=part)

    @again_if_stale
    async def assign(self, leg: str, slug: str, actor: Actor) -> LegRecord:
        """Assign an ended, unowned leg to a tenant, with usage by the tenant's plan and time zone.

        `leg` is `pbx:uniqueid`. Returns the assigned leg.
        """
        async with self._writer.alone:
            terms = require_terms(self._registry, slug)
            known = await self._unowned_leg(leg)
            free = self._in_force.policy.is_free(emergency=known.emergency)
            given = _assigned(known, terms, free=free)
            audit = self._writer.audit(
                _ASSIGN,
                f"leg {leg}",
                actor,
                {"tenant": None},
                {"tenant": slug, "month": given.month, "billed_s": given.billed_s},
                slug,
            )
            records: list[Record] = [given, audit]
            if is_metered(known, terms) and not free:
                records.append(LegMetered(known.key))
            changed = self._writer.changed(_ASSIGN.action, SubjectKind.LEG, leg, actor)
            await self._writer.write(_ASSIGN.action, (), actor, records, facts=[changed])
            if self._live is not None:
                self._live.assigned(given)
            return replace(
                known,
                tenant=slug,
                month=given.month,
                billed_s=given.billed_s,
                allowance_s=given.allowance_s,
            )

    async def _unowned_leg(self, text: str) -> LegRecord:
        key = ChannelKey.parse(text)
        leg = (await self._store.legs([key])).get(key)
        if leg is None:
            msg = (
                f"leg {text!r} is unknown; `pbxbilling usage unowned` lists those without a tenant"
            )
            raise NotFoundError(msg)
        if leg.tenant is not None:
            msg = f"leg {text} belongs to tenant {leg.tenant} already"
            raise AdministrationError(msg)
        return leg


def _assigned(leg: LegRecord, terms: Terms, *, free: bool) -> LegAssigned:
    if leg.answered_at is None or leg.ended_at is None:
        msg = (
            f"leg {leg.key} has not ended or was not answered: only ended, answered legs can be"
            " assigned"
        )
        raise AdministrationError(msg)
    usage = terms.usage(
        leg.direction, leg.number, leg.talk_us, leg.ended_at, counts=not leg.over_limit
    )
    if free:
        usage = usage._replace(billed_s=0, allowance_s=0)
    return LegAssigned(leg.key, terms.tenant.slug, *usage)
