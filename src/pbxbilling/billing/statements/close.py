"""Close periods when they end: each once, in order, also after a downtime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.facts import StatementFailed, StatementsWait
from pbxbilling.billing.statements.ends import Ends
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.kernel.errors import AdministrationError, StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.text import in_words
from pbxbilling.subscriptions.facts import CycleOpened

SOON = timedelta(seconds=2)  # between checks of journals that are being read
PATIENCE = timedelta(minutes=10)  # until the operator learns that a PBX holds up statements
TENANTS_A_STEP = 256  # the begins of new ones are saved in one transaction
WAIT = timedelta(hours=24)  # for journals; counted from the start of this run if that is later


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of tenants whose periods were to be closed.

    `next_ends` are the ends of the next periods of those that were closed, `failed` the reasons of
    those that could not be. Any other is to be looked at again.
    """

    next_ends: dict[str, datetime]
    failed: dict[str, str]


class Closing(Protocol):
    """Closes the first open period of each of many tenants, if it has ended."""

    async def __call__(self, ready: Mapping[str, Sequence[str]], /) -> Closed:
        """Close those of `ready`: PBXes that may still hold calls of it, by tenant."""
        ...


class CloseHere:
    """Closes one after the other, in this process."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def __call__(self, ready: Mapping[str, Sequence[str]], /) -> Closed:
        """Close them; one that fails delays no other."""
        closed = Closed({}, {})
        for slug, unread in ready.items():
            try:
                final = await self._statements.close(slug, unread)
            except Exception as error:  # noqa: BLE001 - see above
                closed.failed[slug] = reason_of(error)
            else:
                if final is not None:
                    closed.next_ends[slug] = final.next_ends
        return closed


def reason_of(error: Exception) -> str:
    """Return why a statement cannot be made, for the operator."""
    known = isinstance(error, (AdministrationError, StoreError, ValueError))
    return str(error) if known else in_words(error)


class Closer:
    """Closes periods that have ended; as a sink it notices facts that move their ends.

    `known_until` gives for each PBX the instant before which every leg's end was handed to the
    store; `flush` waits until those writes are done. `rest` yields to call admission between steps.
    """

    def __init__(
        self,
        statements: Statements,
        close: Closing,
        clock: Clock,
        emit: EventSink,
        known_until: Callable[[], Mapping[str, datetime | None]],
        flush: Callable[[], Awaitable[None]],
        rest: Callable[[], Awaitable[None]],
    ) -> None:
        self._statements = statements
        self._close = close
        self._clock = clock
        self._emit = emit
        self._known_until = known_until
        self._flush = flush
        self._rest = rest
        self._since = clock.now()
        # Tenants whose period has ended, or whose end may have moved.
        self._to_do = set(statements.tenants)
        self._ends: dict[str, datetime] = {}
        self._open = Ends()  # of those known to be in the future
        self._waits = False
        self._missed: set[str] = set()
        self._reported_missed: set[str] = set()
        self._begun: set[str] = set()
        self._reported: dict[str, str] = {}

    @property
    def _tenants(self) -> Mapping[str, Tenant]:
        return self._statements.tenants

    def sink(self, fact: Fact) -> None:
        """Drop the known end of a period when it may have moved."""
        match fact:
            case AccountsChanged(kind=SubjectKind.TENANT):
                self._forget(fact.slug)
            case CycleOpened():
                self._forget(fact.tenant)

    def _forget(self, slug: str) -> None:
        self._ends.pop(slug, None)
        self._open.drop(slug)
        self._to_do.add(slug)

    async def look(self) -> datetime | None:
        """Close the periods that have ended and whose calls are known.

        Returns when to look again; None: when anything changes. A tenant's failure is published
        once and retried at the next look.
        """
        now = self._clock.now()
        self._waits = False
        self._missed = set()
        due, self._to_do = self._to_do, set()
        while some := self._step(due, now):
            begun = await self._begin(sorted(some & self._tenants.keys()))
            if begun is None:
                self._to_do.update(due, some)
                break
            await self._look_after(begun)
            await self._rest()
        self._publish_missed()
        return now + SOON if self._waits else self._open.first()

    def _step(self, due: set[str], now: datetime) -> set[str]:
        """Return tenants to check now: some of those in `due`, and of those whose end has come.

        The others cost nothing, however many they are.
        """
        some: set[str] = set()
        while len(some) < TENANTS_A_STEP and due:
            some.add(due.pop())
        return some | self._open.take(now, TENANTS_A_STEP - len(some))

    async def _begin(self, slugs: Sequence[str]) -> list[str] | None:
        """Save where billing begins for tenants seen for the first time.

        Returns the tenants for which it is saved; None: the store cannot serve.
        """
        new = [slug for slug in slugs if slug not in self._begun]
        try:
            if new:
                await self._begin_periods(new)
        except StoreError as error:
            self._publish_failure("", str(error))
            return None
        except Exception as error:  # noqa: BLE001 - one tenant must not delay the others
            if len(slugs) == 1:
                self._to_do.update(slugs)
                self._publish_failure(slugs[0], in_words(error))
                return []
            return await self._begin_each(slugs)
        return list(slugs)

    async def _begin_each(self, slugs: Sequence[str]) -> list[str] | None:
        begun: list[str] = []
        for slug in slugs:
            one = await self._begin([slug])
            if one is None:
                return None
            begun += one
        return begun

    async def _begin_periods(self, new: Sequence[str]) -> None:
        known = await self._statements.begin([self._tenants[slug] for slug in new])
        for slug, ends in known.items():
            self._schedule(slug, ends)
        self._begun.update(new)

    def _schedule(self, slug: str, ends: datetime) -> None:
        """Note when a period ends, unless a fact moved that end while it was being read."""
        if slug not in self._to_do:
            self._ends[slug] = ends

    async def _look_after(self, slugs: Sequence[str]) -> None:
        """Close all periods of these tenants that have ended and can be closed."""
        left: Sequence[str] = slugs
        while left:
            ready = {}
            for slug in left:
                unread = await self._due_of(slug)
                if unread is not None:
                    ready[slug] = unread
            if ready:
                await self._flush()
            closed = await self._close(ready) if ready else Closed({}, {})
            self._take(closed, ready)
            left = [slug for slug in left if slug in closed.next_ends]

    async def _due_of(self, slug: str) -> Sequence[str] | None:
        """Return the unread PBXes of a period to close now; None where there is none to close."""
        try:
            ends = await self._end(slug)
        except Exception as error:  # noqa: BLE001 - one tenant must not delay the others
            self._fail(slug, reason_of(error))
            return None
        if ends > self._clock.now():
            self._reported.pop(slug, None)
            self._open.put(slug, ends)
            return None
        unread = self._unread(ends)
        waited = self._clock.now() - max(ends, self._since)
        if unread and waited < WAIT:
            self._waits = True
            self._to_do.add(slug)
            self._missed |= set(unread) if waited >= PATIENCE else set()
            return None
        return unread

    def _take(self, closed: Closed, ready: Collection[str]) -> None:
        """Note what became of the periods that were to be closed."""
        for slug in ready:
            if slug in closed.failed:
                self._fail(slug, closed.failed[slug])
                continue
            self._ends.pop(slug, None)
            if slug not in closed.next_ends:
                self._to_do.add(slug)
            else:
                self._schedule(slug, closed.next_ends[slug])

    def _fail(self, slug: str, error: str) -> None:
        self._to_do.add(slug)
        self._publish_failure(slug, error)

    async def _end(self, slug: str) -> datetime:
        """Return when a tenant's open period ends."""
        known = self._ends.get(slug)
        if known is not None:
            return known
        periods = await self._statements.open_periods(slug)
        ends = periods.first.ends
        self._schedule(slug, ends)
        return ends

    def _unread(self, ends: datetime) -> list[str]:
        """Return the PBXes that may hold legs that ended before `ends` and were not read yet."""
        known = self._known_until().items()
        return sorted(pbx for pbx, until in known if until is None or until < ends)

    def _publish_missed(self) -> None:
        """Publish which PBXes hold up statements, whenever that set changes."""
        if self._missed and self._missed != self._reported_missed:
            self._emit(StatementsWait(self._clock.now(), tuple(sorted(self._missed))))
        self._reported_missed = self._missed

    def _publish_failure(self, slug: str, error: str) -> None:
        """Publish each error once: a store error is the same for all tenants."""
        new = error not in self._reported.values()
        self._reported[slug] = error
        if new:
            self._emit(StatementFailed(self._clock.now(), slug, self._month(slug), error))

    def _month(self, slug: str) -> str:
        """Return the month of the tenant's open period; "" if it is not known."""
        ends, tenant = self._ends.get(slug), self._tenants.get(slug)
        if ends is None or tenant is None:
            return ""
        return tenant.period_at(ends - timedelta(seconds=1)).month
