"""The only way to change plans and tenants: commit, then put in force, then publish the facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from pbxbilling.accounts.apply import Change
from pbxbilling.accounts.change_records import Cause, facts_of, real, records_of
from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.accounts.ports import AccountStore
from pbxbilling.accounts.records import AuditRecord, PlanSwitched
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink, Transaction
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.background import Rest, no_rest


class ManyChanges(Protocol):
    """Changes of as many plans and tenants as a file has, each result in parts of milliseconds."""

    def accounts(self) -> Iterable[Sequence[Plan | Tenant]]:
        """Yield plans and tenants as they become."""
        ...

    def records(self) -> Iterable[Sequence[Record]]:
        """Yield all that is saved, plans and tenants included."""
        ...

    def facts(self) -> Iterable[Sequence[Fact]]:
        """Yield the facts of the changes."""
        ...


class AccountWriter:
    """Writes changes with audit and origins in one transaction, then updates the registry.

    A caller that reads accounts in order to change them must hold `alone` for both
    (`async with writer.alone:`), so that no change is based on values that another one has just
    replaced; or it reads them first, and holds `alone` while it finds `version` unchanged and
    writes. Raises StoreError where the database cannot serve; then nothing has changed.

    `version` grows with each write that changes a plan or tenant or publishes a fact.
    """

    def __init__(
        self,
        store: AccountStore,
        registry: Registry,
        clock: Clock,
        emit: EventSink,
        alone: AbstractAsyncContextManager[object],
        rest: Rest = no_rest,
    ) -> None:
        """Take `alone` as a lock that can be entered again and again, as asyncio's."""
        self.registry = registry
        self.alone = alone
        self.version = 0
        self._store = store
        self._clock = clock
        self._emit = emit
        self._rest = rest

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
        cause = Cause(action, actor, self._clock.now(), by)
        different = real(changes)
        published = [*facts_of(different, cause), *facts]
        others = await self._store.keys_not_by_file() if by is SetBy.FILE else ()
        dated = {record.tenant for record in also if isinstance(record, PlanSwitched)}
        records = [*also, *records_of(changes, cause, others, dated)]
        if records or published:
            await self._store.commit(records, published)
        if published:
            self.version += 1
        for change in different:
            _put(self.registry, change.after)
        self.publish(*published)

    async def write_many(self, changes: ManyChanges) -> None:
        """Save the changes of a file or nothing, in parts, so that calls are judged in between.

        They come in force all at once.
        """
        becomes = self.registry.copy()
        for part in changes.accounts():
            for one in part:
                _put(becomes, one)
            await self._rest()

        async def work(transaction: Transaction) -> None:
            for records in changes.records():
                await transaction.write(records)
                await self._rest()
            for facts in changes.facts():
                await transaction.write((), facts)
                await self._rest()

        await self._store.transact("accounts", work)
        self.version += 1
        self.registry.swap(becomes)
        for facts in changes.facts():
            self.publish(*facts)
            await self._rest()
        while (
            becomes.forget_some()
        ):  # to free 100,000 tenants at once takes as long as to read them
            await self._rest()

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


def _put(registry: Registry, one: Plan | Tenant) -> None:
    if isinstance(one, Plan):
        registry.put_plan(one)
    else:
        registry.put_tenant(one)
