"""The only way to change plans and tenants: commit, then put in force, then publish the facts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from pbxbilling.accounts.apply import Change
from pbxbilling.accounts.change_records import Cause, facts_of, real, records_of
from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.accounts.ports import AccountStore, AccountTransaction
from pbxbilling.accounts.records import Act, AuditRecord, PlanSwitched
from pbxbilling.accounts.terms.registry import TABLES, Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import StaleError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.background import Rest, no_rest

KEY = "accounts"  # of the transactions, which exclude one another
RUNS = 5

P = ParamSpec("P")
T = TypeVar("T")


def again_if_stale(
    command: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run a command anew, as a whole, where another process changed what it was decided by.

    It must do nothing but read and write what the store has.
    """

    @wraps(command)
    async def run(*given: P.args, **more: P.kwargs) -> T:
        for _ in range(RUNS - 1):
            try:
                return await command(*given, **more)
            except StaleError:
                continue
        return await command(*given, **more)

    return run


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
    replaced; or it notes `writes`, reads them, and holds `alone` while it finds that `is_unchanged`
    since then, and writes. Raises StoreError where the database cannot serve; then nothing has
    changed.

    `alone` holds within this process. Between processes the version decides that the database has
    (`Registry.version`): a write of what another one has changed since is refused with StaleError,
    and the registry is read anew. `again_if_stale` then runs the whole command again.

    `writes` counts those of this process.
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
        self.writes = 0
        self._changed_at = 0
        self._plans_at = 0  # after how many writes a plan was written last, and each tenant
        self._tenants_at: dict[str, int] = {}
        self._store = store
        self._clock = clock
        self._emit = emit
        self._rest = rest

    async def write(
        self,
        action: str,
        changes: Sequence[Change],
        actor: Actor,
        also: Sequence[Record] = (),
        by: SetBy = SetBy.COMMAND,
        facts: Sequence[Fact] = (),
        event: AuditEvent | None = None,
    ) -> None:
        """Save all changes that differ, with the records in `also`, or nothing.

        What follows from the facts of the changes, and from `facts`, is committed with them; then
        all of these facts are published.

        `by` is the origin of the keys that change; a file also becomes the origin of keys that it
        states without changing them. Raises ValueError for a change of status that the table of
        transitions does not allow.
        """
        cause = Cause(action, actor, self._clock.now(), by, event)
        different = real(changes)
        published = [*facts_of(different, cause), *facts]
        others = await self._store.keys_not_by_file() if by is SetBy.FILE else ()
        dated = {record.tenant for record in also if isinstance(record, PlanSwitched)}
        records = [*also, *records_of(changes, cause, others, dated)]
        if records or published:
            await self._transact(lambda transaction: transaction.write(records, published))
        self._put_in_force([change.after for change in different], also, published)
        self.publish(*published)

    async def save(
        self,
        records: Iterable[Sequence[Record]],
        becomes: Sequence[Plan | Tenant],
        facts: Sequence[Fact],
    ) -> None:
        """Save records, those of plans and tenants as they become among them, or nothing.

        They come in parts of milliseconds, so that calls are judged in between.
        """

        async def work(transaction: AccountTransaction) -> None:
            for part in records:
                await transaction.write(part)
                await self._rest()
            await transaction.write((), facts)

        await self._transact(work)
        self._put_in_force(becomes, (), facts)
        self.publish(*facts)

    async def note(self, *rows: Record) -> None:
        """Save audit rows of what is done and changes nothing here: they are added, whatever is.

        Other records that nothing here is decided by may be among them.
        """
        await self._store.commit(rows)

    async def _transact(self, work: Callable[[AccountTransaction], Awaitable[None]]) -> None:
        """Commit what `work` writes as the next version of what the registry has."""

        async def checked(transaction: AccountTransaction) -> int:
            version = await transaction.next_version()
            if version != self.registry.version + 1:
                raise StaleError("another process changed the accounts meanwhile: try again")
            await work(transaction)
            return version

        try:
            self.registry.version = await self._store.transact(KEY, checked)
        except StaleError:
            await self._read_anew()
            raise

    async def _read_anew(self) -> None:
        """Put in force what the store has; all that was read before is out of date."""
        kept = await self._store.accounts()
        self.registry.swap(Registry(kept.plans, kept.tenants, kept.version))
        self.writes += 1
        self._changed_at = self._plans_at = self.writes

    def is_unchanged(self, since: int) -> bool:
        """Return whether no plan, tenant or statement was written since `writes` was `since`."""
        return self._changed_at <= since

    def is_fresh(self, tenant: str, since: int) -> bool:
        """Return whether nothing was written of a tenant, or of any plan, since then.

        Then what was read by then is what is in force, but for its calls.
        """
        return max(self._plans_at, self._tenants_at.get(tenant, 0)) <= since

    def _put_in_force(
        self, becomes: Sequence[Plan | Tenant], also: Iterable[Record], facts: Sequence[Fact]
    ) -> None:
        self.writes += 1
        if becomes or facts:
            self._changed_at = self.writes
        for one in becomes:
            _put(self.registry, one)
        self._note(becomes)
        for other in (*also, *facts):  # a one-off line, units, a subscription
            if (tenant := getattr(other, "tenant", None)) is not None:
                self._tenants_at[tenant] = self.writes

    def _note(self, becomes: Iterable[Plan | Tenant]) -> None:
        for one in becomes:
            if isinstance(one, Plan):
                self._plans_at = self.writes
            else:
                self._tenants_at[one.slug] = self.writes

    async def write_many(self, changes: ManyChanges) -> None:
        """Save the changes of a file or nothing, in parts, so that calls are judged in between.

        They come in force all at once.
        """
        becomes = await self._changed(changes)

        async def work(transaction: AccountTransaction) -> None:
            for records in changes.records():
                await transaction.write(records)
                await self._rest()
            for facts in changes.facts():
                await transaction.write((), facts)
                await self._rest()

        await self._transact(work)
        becomes.version = self.registry.version
        self.registry.swap(becomes)
        for facts in changes.facts():
            self.publish(*facts)
            await self._rest()
        # To free 100,000 tenants at once takes as long as to read them.
        while becomes.forget_some():
            await self._rest()

    async def _changed(self, changes: ManyChanges) -> Registry:
        """Return a registry with these changes, while calls are judged by the present one."""
        becomes = Registry()
        while becomes.copy_some(self.registry):
            await self._rest()
        self.writes += 1
        self._changed_at = self.writes
        for part in changes.accounts():
            for one in part:
                if isinstance(one, Plan):
                    becomes.put_plan(one)
            tenants = [one for one in part if isinstance(one, Tenant)]
            for table in TABLES:
                becomes.put_into(table, tenants)
                await self._rest()
            self._note(part)
        return becomes

    def audit(
        self,
        act: Act,
        subject: str,
        actor: Actor,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        tenant: str | None = None,
    ) -> AuditRecord:
        """Return an audit row with the present instant."""
        return act.on(subject, actor, self._clock.now(), before, after, tenant)

    def now(self) -> datetime:
        """Return the present instant, as audit rows have it."""
        return self._clock.now()

    def publish(self, *facts: Fact) -> None:
        """Publish facts that are committed."""
        for fact in facts:
            self._emit(fact)

    def changed(self, action: str, kind: SubjectKind, slug: str, actor: Actor) -> AccountsChanged:
        """Return the fact that a plan, a tenant or the usage of a leg has changed."""
        return AccountsChanged(self._clock.now(), actor.name, action, kind, slug)


def _put(registry: Registry, one: Plan | Tenant) -> None:
    if isinstance(one, Plan):
        registry.put_plan(one)
    else:
        registry.put_tenant(one)
