"""The operator's commands that change and show accounts; each write is audited.

A write is one durable transaction of its records and their audit rows; then the registry in memory
is updated, so that the change is in force for the next call (see `AccountWriter.write`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from pbxbilling.accounts.apply import AccountsFile, Change, ChangeKind, TenantChange, plan_changes
from pbxbilling.accounts.file_format import as_written
from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.ports import AccountStore, Blocks
from pbxbilling.accounts.records import AuditQuery, AuditRecord, AuditRow
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Registry, require_plan, require_tenant
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.period import zone
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import any_version
from pbxbilling.runtime.background import Background, at_once


@dataclass(frozen=True, slots=True)
class TenantResult:
    """A tenant after a command; `notes` say what the operator should know about it."""

    tenant: Tenant
    changed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanDetail:
    """One plan with its tenants, its last ten audit rows, and the origins of its keys."""

    plan: PlanReport
    tenants: tuple[str, ...]
    audit: tuple[AuditRecord, ...]
    origins: tuple[KeyOrigin, ...]


class Administration:
    """The commands apply, suspend, activate and trial, and the views of plans and tenants.

    `in_background` runs the comparison of a file with all accounts, so that calls are still judged
    meanwhile. Raises StoreError where the database cannot serve.
    """

    def __init__(
        self,
        store: AccountStore,
        writer: AccountWriter,
        clock: Clock,
        in_force: InForce,
        blocks: Blocks,
        in_background: Background = at_once,
    ) -> None:
        self._store = store
        self._writer = writer
        self._registry = writer.registry
        self._clock = clock
        self._in_force = in_force
        self._blocks = blocks
        self._in_background = in_background

    @again_if_stale
    async def apply(
        self,
        file: AccountsFile,
        actor: Actor,
        *,
        dry_run: bool,
        reset: bool = False,
        action: str = "apply",
    ) -> list[Change]:
        """Make the accounts match the file, all or nothing; `dry_run` only returns the changes.

        Where a change has `resets`, nothing is written without `reset`. `action` names the change
        in the audit trail. Raises AccountsError with every contradiction.
        """
        async with self._writer.alone:
            now, policy = self._clock.now(), self._in_force.policy
            changes = await self._in_background(
                partial(plan_changes, self._registry, file, now, policy)
            )
            agreed = reset or not await self._in_background(partial(_any_resets, changes))
            if agreed and not dry_run:
                await self._writer.write(action, changes, actor, by=SetBy.FILE)
            return changes

    @again_if_stale
    async def suspend(self, slug: str, actor: Actor) -> TenantResult:
        """Block a tenant's calls to and from outside; emergency calls pass, live calls go on."""
        async with self._writer.alone:
            tenant = require_tenant(self._registry, slug)
            blocked = replace(tenant, blocks=tenant.blocks | {Blocker.OPERATOR})
            notes = []
            mode = tenant.mode or self._in_force.policy.mode
            if mode is not Mode.ENFORCE:
                notes.append(
                    f"mode {mode} applies to {slug}: its calls still pass;"
                    ' only mode = "enforce" refuses them'
                )
            return await self._change("suspend", tenant, blocked, actor, notes)

    @again_if_stale
    async def activate(self, slug: str, actor: Actor) -> TenantResult:
        """Lift the operator's block only; the notes name the blocks that remain."""
        async with self._writer.alone:
            tenant = require_tenant(self._registry, slug)
            lifted = replace(tenant, blocks=tenant.blocks - {Blocker.OPERATOR})
            holds = await self._blocks.holds(lifted)
            notes = [f"{slug} is still blocked by {by}: {why}" for by, why in holds.items()]
            return await self._change("activate", tenant, lifted, actor, notes)

    @again_if_stale
    async def trial(
        self,
        slug: str,
        until: date | datetime,
        actor: Actor,
        check: Callable[[Mapping[str, Any]], None] = any_version,
    ) -> TenantResult:
        """Put a tenant on trial until an instant, or until the end of a day in its time zone.

        `check` raises where the tenant's settings are not those that the caller has seen. Raises
        AdministrationError for a tenant with a subscription.
        """
        async with self._writer.alone:
            tenant = require_tenant(self._registry, slug)
            check(as_written(tenant))
            ends = _end_of(until, tenant.timezone)
            if tenant.subscription is not None:
                msg = (
                    f"subscription {tenant.subscription} sets the trial of tenant {slug}: change"
                    " the trial at the payment gateway"
                )
                raise AdministrationError(msg)
            since = tenant.status_since if tenant.status is Status.TRIAL else self._clock.now()
            trying = replace(tenant, status=Status.TRIAL, trial_until=ends, status_since=since)
            notes = []
            if ends <= self._clock.now():
                grace = self._in_force.grace_days
                notes.append(
                    f"this trial has already ended; outbound calls are allowed for {grace} more"
                    " days"
                )
            if Blocker.OPERATOR in tenant.blocks:
                notes.append(f"{slug} is still suspended: `tenant activate {slug}` lifts that")
            return await self._change("trial", tenant, trying, actor, notes, Transition.TRIAL_BEGAN)

    def restriction(self, slug: str) -> str | None:
        """Return why a tenant's own people may only read and pay now, and the way out; None: more.

        Operators are never restricted.
        """
        tenant = require_tenant(self._registry, slug)
        status = tenant.status_shown_at(self._clock.now(), self._in_force.grace_days)
        way_out = _WAYS_OUT.get(status)
        return way_out and f"tenant {slug} is {status}: you can read and pay. {way_out}"

    def declared(self) -> list[Tenant]:
        """Return all tenants, by slug."""
        return [tenant for _, tenant in sorted(self._registry.tenants.items())]

    def plans(self) -> list[PlanReport]:
        """Return all plans, in the order in which they are shown."""
        return plan_reports(self._registry)

    async def plan(self, slug: str) -> PlanDetail:
        """Return one plan with its tenants, audit and origins. Raises NotFoundError."""
        require_plan(self._registry, slug)
        return PlanDetail(
            plan=next(one for one in self.plans() if one.plan == slug),
            tenants=tuple(
                sorted(t.slug for t in self._registry.tenants.values() if t.plan == slug)
            ),
            audit=tuple(await self._store.audit(subject=f"plan {slug}", limit=10)),
            origins=tuple(await self._store.key_origins(AccountKind.PLAN, slug)),
        )

    async def audit_trail(self, wanted: AuditQuery) -> list[AuditRow]:
        """Return rows of the audit trail, the newest first. Raises NotFoundError for no tenant."""
        if wanted.tenant is not None:
            require_tenant(self._registry, wanted.tenant)
        return await self._store.audit_trail(wanted)

    async def _change(
        self,
        action: str,
        before: Tenant,
        after: Tenant,
        actor: Actor,
        notes: Sequence[str],
        transition: Transition | None = None,
    ) -> TenantResult:
        change = TenantChange(before, after, transition)
        await self._writer.write(action, [change], actor)
        changed = change.kind is not ChangeKind.UNCHANGED
        return TenantResult(after, changed, tuple(notes))


_WAYS_OUT = {
    Status.READ_ONLY: "A payment opens it: buy a plan (checkout), or pay what is due (portal).",
    Status.CANCELLED: "Buy a plan (checkout) to begin again.",
    Status.SUSPENDED: "Ask your provider: an operator has suspended it.",
}


def _any_resets(changes: Sequence[Change]) -> bool:
    return any(change.resets for change in changes)


def _end_of(until: date | datetime, timezone: str) -> datetime:
    """Return the instant in UTC; a naive one and the end of a day are in the tenant's time zone."""
    if isinstance(until, datetime):
        meant = until if until.tzinfo else until.replace(tzinfo=zone(timezone))
    else:
        meant = datetime.combine(until + timedelta(days=1), time(), zone(timezone))
    return meant.astimezone(UTC)  # so that an added day has 24 hours, as after a restart


@dataclass(frozen=True, slots=True)
class PlanReport:
    """One plan: `settings` in the accounts file's keys, and how many tenants have it."""

    plan: str
    tenants: int
    settings: Mapping[str, Any]


def plan_reports(registry: Registry) -> list[PlanReport]:
    """Return all plans by `sort_order`, then by slug."""
    having = Counter(tenant.plan for tenant in registry.tenants.values())
    ordered = sorted(registry.plans.values(), key=lambda plan: (plan.sort_order, plan.slug))
    return [PlanReport(plan.slug, having[plan.slug], as_written(plan)) for plan in ordered]
