"""The job of a file of plans and tenants: read it, compare it, prepare what is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from itertools import chain
from typing import Self, TypeVar

from pbxbilling import __version__
from pbxbilling.accounts.apply import Change, plan_changes
from pbxbilling.accounts.change_records import Cause, facts_of, real, records_of
from pbxbilling.accounts.facts import AccountsChanged, StatusChanged, SubjectKind
from pbxbilling.accounts.key_origin import KeyOrigin, SetBy
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.audit import Actor, ActorType
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import Record
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.rows.accounts import from_prepared
from pbxbilling.store.store import SqlStore
from pbxbilling.web.api.account_files import READERS, answer, given_in
from pbxbilling.web.api.services import FileKind
from pbxbilling.worker.frames import Frames

JOB = "accounts"
OF_POLICY = ("grace_days", "trial_days", "default_plan", "timezone")  # all that a comparison needs
BODY, ANSWER = "body", "answer"
_ASKED, _IN_FORCE, _ROWS, _FACTS = "asked", "accounts", "rows", "facts"
# Changes whose accounts the daemon reads in two or three milliseconds: a table that grows, or a
# collection of garbage, may add ten to each part.
_PART = 50
_FACTS_A_PART = 50  # each goes to the log, the counters and the broker

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a file is compared with, and who asks; the file itself follows as pieces of a body."""

    database: str = field(repr=False)  # its url, which may have a password
    kind: FileKind
    actor: Actor
    at: datetime
    policy: Policy

    def put_into(self, given: Frames) -> None:
        """Write it for the worker."""
        policy = {name: getattr(self.policy, name) for name in OF_POLICY}
        given.put("version", __version__)
        given.put(
            _ASKED,
            (
                self.database,
                self.kind.value,
                (self.actor.type.value, *astuple(self.actor)[1:]),
                self.at.isoformat(),
                policy,
            ),
        )

    @classmethod
    def taken_from(cls, given: Frames) -> Self:
        """Read the last one."""
        *_, (database, kind, (actor_type, *actor), at, policy) = given.take(_ASKED)
        return cls(
            database,
            FileKind(kind),
            Actor(ActorType(actor_type), *actor),
            datetime.fromisoformat(at),
            Policy(**policy),
        )


def compare(given: Frames, made: Frames) -> None:
    """Compare the file with the accounts in the database, and make all that follows from it.

    Raises ServiceError for a file with faults, or one that contradicts what is in force.
    """
    asked = Comparison.taken_from(given)
    text = given_in(b"".join(given.take(BODY)))
    file = READERS[asked.kind](text.text, text.source)
    registry, not_by_file = asyncio.run(_in_force(asked.database))
    changes = plan_changes(registry, file, asked.at, asked.policy)
    if not text.dry_run and (text.reset or not any(change.resets for change in changes)):
        cause = Cause(asked.kind.action, asked.actor, asked.at, SetBy.FILE)
        _put_writes(
            made, changes, cause, not_by_file, SqlStore.read_only(database_at(asked.database))
        )
    for piece in answer(asked.kind, changes):
        made.put(ANSWER, piece)


async def _in_force(database: str) -> tuple[Registry, list[KeyOrigin]]:
    async with SqlStore.read_only(database_at(database)) as store:
        accounts = await store.accounts()
        return Registry(accounts.plans, accounts.tenants), await store.keys_not_by_file()


def _put_writes(
    made: Frames,
    changes: Sequence[Change],
    cause: Cause,
    not_by_file: Iterable[KeyOrigin],
    store: SqlStore,
) -> None:
    """Put the rows and facts of the changes, in parts; nothing where there are none."""
    others: dict[tuple[str, str], list[KeyOrigin]] = {}
    for origin in not_by_file:
        others.setdefault((origin.kind, origin.slug), []).append(origin)
    for part in _parts(changes, _PART):
        known = [
            origin
            for change in part
            for origin in others.get((change.subject_kind, change.after.slug), ())
        ]
        for rows in store.prepare(list(records_of(part, cause, known))):
            is_account = rows.kind in (Plan.__name__, Tenant.__name__)
            made.put(_IN_FORCE if is_account else _ROWS, (rows.kind, rows.columns, rows.rows))
    for facts in _parts(list(facts_of(real(changes), cause)), _FACTS_A_PART):
        made.put(_FACTS, [_as_given(fact) for fact in facts])


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[first : first + size] for first in range(0, len(items), size))


def _as_given(fact: AccountsChanged | StatusChanged) -> tuple[str | None, ...]:
    if isinstance(fact, AccountsChanged):
        return fact.kind.value, fact.slug
    transition = (fact.before.value, fact.after.value, fact.transition.value)
    return (fact.tenant, *transition, fact.subscription)


def _as_taken(asked: Comparison, *given: str) -> AccountsChanged | StatusChanged:
    if len(given) == 2:
        kind, slug = given
        return AccountsChanged(
            asked.at, asked.actor.name, asked.kind.action, SubjectKind(kind), slug
        )
    tenant, before, after, transition, subscription = given
    return StatusChanged(
        asked.at,
        tenant,
        Status(before),
        Status(after),
        Transition(transition),
        asked.actor.name,
        subscription,
    )


class PreparedChanges:
    """What the job has made of a file, for `AccountWriter.write_many`."""

    def __init__(self, made: Frames, asked: Comparison) -> None:
        self._made = made
        self._asked = asked

    def __bool__(self) -> bool:
        """Return whether there is anything to write."""
        return next(self.records(), None) is not None

    def accounts(self) -> Iterator[Sequence[Plan | Tenant]]:
        """Yield plans and tenants as they become."""
        for rows in self._rows(_IN_FORCE):
            yield list(from_prepared(rows))

    def records(self) -> Iterator[Sequence[Record]]:
        """Yield all rows."""
        for rows in chain(self._rows(_IN_FORCE), self._rows(_ROWS)):
            yield [rows]

    def facts(self) -> Iterator[Sequence[Fact]]:
        """Yield the facts."""
        for part in self._made.take(_FACTS):
            yield [_as_taken(self._asked, *given) for given in part]

    def _rows(self, tag: str) -> Iterator[PreparedRows]:
        return (PreparedRows(*given) for given in self._made.take(tag))
