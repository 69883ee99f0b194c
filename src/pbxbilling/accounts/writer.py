"""The only way to change plans and tenants: commit, then put in force, then publish the facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from pbxbilling.accounts.apply import Change, ChangeKind, FieldChange, TenantChange
from pbxbilling.accounts.facts import AccountsChanged, StatusChanged, SubjectKind
from pbxbilling.accounts.history import terms_changed
from pbxbilling.accounts.key_origin import KeyOrigin, SetBy
from pbxbilling.accounts.origins import origins_of, taken_over
from pbxbilling.accounts.ports import AccountStore
from pbxbilling.accounts.records import AuditRecord, PlanSwitched
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status, Transition, check_transition
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.records import Record


class AccountWriter:
    """Writes changes with audit and origins in one transaction, then updates the registry.

    A caller that reads accounts in order to change them must hold `alone` for both
    (`async with writer.alone:`), so that no change is based on values that another one has just
    replaced. Raises StoreError where the database cannot serve; then nothing has changed.
    """

    def __init__(
        self,
        store: AccountStore,
        registry: Registry,
        clock: Clock,
        emit: EventSink,
        alone: AbstractAsyncContextManager[object],
    ) -> None:
        """Take `alone` as a lock that can be entered again and again, as asyncio's."""
        self.registry = registry
        self.alone = alone
        self._store = store
        self._clock = clock
        self._emit = emit

    async def write(
        self,
        action: str,
        changes: Sequence[Change],
        actor: str,
        also: Sequence[Record] = (),
        by: SetBy = SetBy.COMMAND,
        facts: Sequence[Fact] = (),
    ) -> None:
        """Save all changes that differ, with the records in `also`, or nothing.

        What follows from the facts of the changes, and from `facts`, is committed with them; then
        all of these facts are published.

        `by` is the origin of the keys that change; a file also becomes the origin of keys that it
        states without changing them. Raises ValueError for a change of status that the table of
        transitions does not allow.
        """
        real = [change for change in changes if change.kind is not ChangeKind.UNCHANGED]
        published = [*self._facts(action, real, actor), *facts]
        records: list[Record] = [*also, *(change.after for change in real)]
        records += self._switches(real, also)
        records += await self._taken_over(changes) if by is SetBy.FILE else ()
        for change in real:
            fields = change.fields
            records.append(self._audit_change(action, change, fields, actor))
            records += origins_of(change, fields, by, self._clock.now())
            if (kept := terms_changed(change, fields, self._clock.now())) is not None:
                records.append(kept)
        if records or published:
            await self._store.commit(records, published)
        for change in real:
            if isinstance(change.after, Plan):
                self.registry.put_plan(change.after)
            else:
                self.registry.put_tenant(change.after)
        self.publish(*published)

    def audit(
        self,
        action: str,
        subject: str,
        actor: str,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
    ) -> AuditRecord:
        """Return an audit row with the present instant."""
        return AuditRecord(self._clock.now(), actor, action, subject, before, after)

    def publish(self, *facts: Fact) -> None:
        """Publish facts that are committed."""
        for fact in facts:
            self._emit(fact)

    def changed(self, action: str, kind: SubjectKind, slug: str, actor: str) -> AccountsChanged:
        """Return the fact that a plan, a tenant or the usage of a leg has changed."""
        return AccountsChanged(self._clock.now(), actor, action, kind, slug)

    def _facts(self, action: str, changes: Sequence[Change], actor: str) -> Iterator[Fact]:
        """Yield the facts of the changes. Raises ValueError for a transition not in the table."""
        for change in changes:
            yield self.changed(action, change.subject_kind, change.after.slug, actor)
        for change in changes:
            yield from self._transitions(change, actor)

    def _switches(
        self, changes: Sequence[Change], also: Sequence[Record]
    ) -> Iterator[PlanSwitched]:
        """Yield switches of plan, as of now unless `also` dates them; statements need them."""
        said = {record.tenant for record in also if isinstance(record, PlanSwitched)}
        for change in changes:
            if not isinstance(change, TenantChange) or change.before is None:
                continue
            slug, before, after = change.after.slug, change.before.plan, change.after.plan
            if before != after and slug not in said:
                yield PlanSwitched(slug, self._clock.now(), before, after)

    async def _taken_over(self, changes: Sequence[Change]) -> list[KeyOrigin]:
        others = await self._store.keys_not_by_file()
        return list(taken_over(changes, others, self._clock.now()))

    def _audit_change(
        self, action: str, change: Change, fields: Sequence[FieldChange], actor: str
    ) -> AuditRecord:
        """Return an audit row of the keys that change; the others are in earlier rows."""
        before = {f.key: f.before for f in fields} if change.before is not None else None
        after = {f.key: f.after for f in fields}
        return self.audit(action, change.subject, actor, before, after)

    def _transitions(self, change: Change, actor: str) -> Iterator[StatusChanged]:
        """Yield a tenant's status transitions. Raises ValueError for one not in the table."""
        if not isinstance(change, TenantChange) or change.before is None:
            return
        tenant = change.after
        for transition, before, after in _status_transitions(change):
            check_transition(transition, before, after)
            yield StatusChanged(
                self._clock.now(),
                tenant.slug,
                before,
                after,
                transition,
                actor,
                tenant.subscription,
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
