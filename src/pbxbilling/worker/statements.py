"""The job of a month's end: read, rate and prepare the final statements of many tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from pbxbilling import __version__
from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.statements.close import reason_of
from pbxbilling.billing.statements.final import ACTION, ACTOR, Final
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import Record
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.rows.accounts import from_prepared
from pbxbilling.store.store import SqlStore
from pbxbilling.worker.frames import Frames

JOB = "statements"
OF_POLICY = ("emergency_charged",)  # all that statements need
_ASKED, _MADE, _FAILED = "asked", "made", "failed"
_PART = 200  # rows


@dataclass(frozen=True, slots=True)
class Ready:
    """The tenants whose periods have ended by `at`, with the PBXes that may still hold calls."""

    database: str = field(repr=False)  # its url, which may have a password
    at: datetime
    policy: Policy
    unread: Mapping[str, Sequence[str]]

    def put_into(self, given: Frames) -> None:
        """Write it for the worker."""
        policy = {name: getattr(self.policy, name) for name in OF_POLICY}
        unread = {slug: list(pbxes) for slug, pbxes in self.unread.items()}
        given.put("version", __version__)
        given.put(_ASKED, (self.database, self.at.isoformat(), policy, unread))

    @classmethod
    def taken_from(cls, given: Frames) -> Self:
        """Read it in the worker."""
        ((database, at, policy, unread),) = given.take(_ASKED)
        return cls(database, datetime.fromisoformat(at), Policy(**policy), unread)


class _At:
    """The instant at which all statements of a job are made."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return 0.0


def close(given: Frames, made: Frames) -> None:
    """Make the final statement of each tenant whose open period has ended."""
    asyncio.run(_close(Ready.taken_from(given), made))


async def _close(ready: Ready, made: Frames) -> None:
    async with SqlStore.read_only(database_at(ready.database)) as store:
        accounts = await store.accounts(ready.unread)
        registry, clock = Registry(accounts.plans, accounts.tenants), _At(ready.at)
        statements = Statements(
            store.statement_store,
            store.subscription_store,
            store,
            AccountWriter(store, registry, clock, _nobody, asyncio.Lock()),
            InForce(ready.policy, registry),
            clock,
        )
        for slug, unread in ready.unread.items():
            try:
                final = await statements.final(slug, unread)
            except Exception as error:  # noqa: BLE001 - one tenant must not delay the others
                made.put(_FAILED, (slug, reason_of(error)))
            else:
                if final is not None:
                    _put(made, slug, final, store)


def _nobody(fact: Fact) -> None:
    del fact


def _put(made: Frames, slug: str, final: Final, store: SqlStore) -> None:
    """Put the rows of a statement under its tenant, then that it is there."""
    for rows in store.prepare(final.records):
        made.put(f"of {slug}", (rows.kind, rows.columns, rows.rows))
    (saved,) = (fact for fact in final.facts if isinstance(fact, StatementSaved))
    told = (saved.month, saved.number, saved.currency, saved.total, saved.legs, saved.unread)
    has_changed = len(final.facts) > 1
    made.put(_MADE, (slug, final.next_ends.isoformat(), has_changed, told))


@dataclass(frozen=True, slots=True)
class PreparedFinal:
    """A final statement as the worker made it, with all that is saved and published with it."""

    tenant: str
    next_ends: datetime
    rows: Sequence[PreparedRows]
    becomes: Sequence[Plan | Tenant]
    facts: Sequence[Fact]

    @property
    def records(self) -> Iterator[Sequence[Record]]:
        """The rows, in parts."""
        return ([rows] for rows in self.rows)


def failed_in(made: Frames) -> dict[str, str]:
    """Return why which tenants have no statement."""
    return dict(made.take(_FAILED))


def finals_in(made: Frames, at: datetime) -> Iterator[PreparedFinal]:
    """Yield the statements, each read when it is asked for."""
    for slug, next_ends, has_changed, told in made.take(_MADE):
        rows = [PreparedRows(*given) for given in made.take(f"of {slug}")]
        becomes = [
            one for each in rows if each.kind == Tenant.__name__ for one in from_prepared(each)
        ]
        facts: list[Fact] = []
        if has_changed:
            facts.append(AccountsChanged(at, ACTOR.name, ACTION, SubjectKind.TENANT, slug))
        month, number, currency, total, legs, unread = told
        facts.append(StatementSaved(at, slug, month, number, currency, total, legs, tuple(unread)))
        yield PreparedFinal(slug, datetime.fromisoformat(next_ends), rows, becomes, facts)
