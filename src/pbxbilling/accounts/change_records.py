"""Derive from changes what is saved with them and published: rows, audit, origins, facts. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pbxbilling.accounts.apply import Change, ChangeKind, TenantChange
from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.accounts.history import terms_changed
from pbxbilling.accounts.key_origin import KeyOrigin, SetBy
from pbxbilling.accounts.origins import origins_of, taken_over
from pbxbilling.accounts.records import Act, PlanSwitched
from pbxbilling.accounts.terms.status import Blocker, Status, Transition, check_transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changes accounts by which action, when, and what becomes the origin of the keys.

    `event` is what it is for tenants, where the changes themselves do not tell.
    """

    action: str
    actor: Actor
    at: datetime
    by: SetBy = SetBy.COMMAND
    event: AuditEvent | None = None


def real(changes: Iterable[Change]) -> list[Change]:
    """Return the changes that change anything."""
    return [change for change in changes if change.kind is not ChangeKind.UNCHANGED]


def facts_of(changes: Sequence[Change], cause: Cause) -> Iterator[AccountsChanged | StatusChanged]:
    """Yield the facts of real changes. Raises ValueError for a transition not in the table."""
    for change in changes:
        yield AccountsChanged(
            cause.at, cause.actor.name, cause.action, change.subject_kind, change.after.slug
        )
    for change in changes:
        yield from _transitions(change, cause)


def records_of(
    changes: Sequence[Change],
    cause: Cause,
    not_by_file: Iterable[KeyOrigin] = (),
    dated: Collection[str] = (),
) -> Iterator[Record]:
    """Yield the rows of changes: each plan or tenant with its audit, origins, and what it was.

    A file becomes the origin of those keys `not_by_file` that it states, also without changing
    them. `dated` are tenants whose switch is saved otherwise, with an instant of its own.
    """
    for change in real(changes):
        fields = change.fields
        yield change.after
        yield from _switch(change, cause, dated)
        before = {f.key: f.before for f in fields} if change.before is not None else None
        after = {f.key: f.after for f in fields}  # the other keys are in earlier rows
        act = Act(event_of(change, cause), cause.action)
        tenant = change.after.slug if isinstance(change, TenantChange) else None
        yield act.on(change.subject, cause.actor, cause.at, before, after, tenant)
        yield from origins_of(change, fields, cause.by, cause.at)
        if (kept := terms_changed(change, fields, cause.at)) is not None:
            yield kept
    yield from taken_over(changes, not_by_file, cause.at)


def event_of(change: Change, cause: Cause) -> AuditEvent:
    """Return the event of a real change: of all that it is, what matters most."""
    keys = {field.key for field in change.fields}
    if not isinstance(change, TenantChange):
        if change.before is None:
            return AuditEvent.PLAN_CREATED
        return AuditEvent.PLAN_TOGGLED if "active" in keys else AuditEvent.PLAN_UPDATED
    if change.before is None:
        return AuditEvent.TENANT_CREATED
    if cause.event is not None:
        return cause.event
    events = [_OF_TRANSITION.get(transition) for transition, *_ in _status_transitions(change)]
    found = next((one for one in reversed(events) if one is not None), None)
    if found is not None:
        return found
    if "plan" in keys:
        return AuditEvent.SUBSCRIPTION_ASSIGNED
    if "mode" in keys:
        return AuditEvent.MODE_CHANGED
    if cause.by is SetBy.GATEWAY and _is_renewed(change.before, change.after):
        return AuditEvent.SUBSCRIPTION_AUTO_RENEWED
    return AuditEvent.TENANT_UPDATED


_OF_TRANSITION: Mapping[Transition, AuditEvent] = {
    Transition.TRIAL_BEGAN: AuditEvent.TENANT_TRIAL,
    Transition.TRIAL_ENDED: AuditEvent.SUBSCRIPTION_GRACE_PERIOD,
    Transition.GRACE_ENDED: AuditEvent.SUBSCRIPTION_READ_ONLY,
    Transition.PAID: AuditEvent.SUBSCRIPTION_PAID,
    Transition.PAYMENT_FAILED: AuditEvent.SUBSCRIPTION_PAYMENT_FAILED,
    Transition.COLLECTION_STOPPED: AuditEvent.SUBSCRIPTION_READ_ONLY,
    Transition.AWAITS_PAYMENT: AuditEvent.SUBSCRIPTION_INCOMPLETE,
    Transition.CANCELLED: AuditEvent.SUBSCRIPTION_CANCELLED,
    Transition.SUSPENDED: AuditEvent.TENANT_SUSPENDED,
    Transition.REINSTATED: AuditEvent.TENANT_ACTIVATED,
}


def _is_renewed(before: Tenant, after: Tenant) -> bool:
    """Return whether the tenant's subscription has gone on for another period."""
    was, renews = before.renews_at, after.renews_at
    if was is None or renews is None or before.subscription != after.subscription:
        return False
    return was < renews


def _switch(change: Change, cause: Cause, dated: Collection[str]) -> Iterator[PlanSwitched]:
    """Yield the switch of plan, as of now: statements need it."""
    if not isinstance(change, TenantChange) or change.before is None:
        return
    slug, before, after = change.after.slug, change.before.plan, change.after.plan
    if before != after and slug not in dated:
        yield PlanSwitched(slug, change.plan_since or cause.at, before, after)


def _transitions(change: Change, cause: Cause) -> Iterator[StatusChanged]:
    if not isinstance(change, TenantChange) or change.before is None:
        return
    tenant = change.after
    for transition, before, after in _status_transitions(change):
        check_transition(transition, before, after)
        yield StatusChanged(
            cause.at, tenant.slug, before, after, transition, cause.actor.name, tenant.subscription
        )


def _status_transitions(change: TenantChange) -> Iterator[tuple[Transition, Status, Status]]:
    """Yield the transition of the lived status first, then that of the operator's block."""
    before, after = change.before, change.after
    if before is None:
        return
    if before.status is not after.status:
        yield change.transition or Transition.DECLARED, before.status, after.status
    held, holds = (Blocker.OPERATOR in tenant.blocks for tenant in (before, after))
    if holds and not held:
        yield Transition.SUSPENDED, after.status, Status.SUSPENDED
    elif held and not holds:
        yield Transition.REINSTATED, Status.SUSPENDED, after.status
