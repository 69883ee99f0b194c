"""Compare an accounts file with the accounts in force: which plans and tenants it would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pbxbilling.accounts.checks import (
    Problem,
    choice_problems,
    collection_problems,
    demo_problems,
    double_claims,
    numbers_listed_twice,
    plan_problems,
)
from pbxbilling.accounts.facts import SubjectKind
from pbxbilling.accounts.fields import FIELDS, TENANT_FIELDS
from pbxbilling.accounts.file_format import as_written
from pbxbilling.accounts.open_periods import move_problems, terms_problems
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import ServiceError

_NAMED = 10  # tenants that a note lists by slug; it only counts the rest

# Keys that bound calls or identify their tenant: a file that omits one must not reset it silently.
_GUARDED: Mapping[type[Plan | Tenant], frozenset[str]] = {
    record: frozenset(key for one in table if one.guarded for key in one.keys)
    for record, table in FIELDS.items()
}
_LIVED = tuple(one.name for one in TENANT_FIELDS if one.lived)


class AccountsError(ServiceError):
    """The file contradicts itself or what is in force; `problems` names each fault and its fix."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class AccountsFile:
    """Plans and tenants as an operator declares them.

    `statuses` holds those that the file names: a status is lived, not configured, so a tenant
    without one keeps its own. `places` maps a subject to its place in the file (`tenant acme`:
    `accounts.toml:12`). `keys` are the keys that the file declares for every tenant; other keys
    stay unchanged; None: it declares all keys. `stated` maps a subject to the keys that have a
    value in the file; its other keys get their defaults.
    """

    plans: tuple[Plan, ...]
    tenants: tuple[Tenant, ...]
    statuses: Mapping[str, Status]
    places: Mapping[str, str] = field(default_factory=dict)
    keys: frozenset[str] | None = None
    stated: Mapping[str, frozenset[str]] = field(default_factory=dict)


class ChangeKind(StrEnum):
    """What applying the file does to one plan or tenant."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The change of one key, in the accounts file's keys and values; None is unset.

    `reset`: the key bounds calls or identifies their tenant, and loses its value because the file
    leaves it out.
    """

    key: str
    before: Any
    after: Any
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One plan or tenant, as it was (None: it is new) and as it will be.

    `notes` say what an operator should know about it; `stated` are the keys with a value in the
    file, None where no file makes the change.
    """

    before: Plan | Tenant | None
    after: Plan | Tenant
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    stated: frozenset[str] | None = field(default=None, kw_only=True)

    @property
    def subject(self) -> str:
        """Return the subject as `plan starter` or `tenant acme`."""
        return f"{self.subject_kind} {self.after.slug}"

    @property
    def subject_kind(self) -> SubjectKind:
        """Return whether the change is about a plan or a tenant."""
        return SubjectKind.PLAN if isinstance(self.after, Plan) else SubjectKind.TENANT

    @property
    def kind(self) -> ChangeKind:
        """Return whether the subject is added, changed or unchanged."""
        if self.before is None:
            return ChangeKind.ADDED
        return ChangeKind.UNCHANGED if self.before == self.after else ChangeKind.CHANGED

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """Return the keys that change; for a new plan or tenant, those that are set."""
        before = {} if self.before is None else as_written(self.before)
        return tuple(
            FieldChange(key, before.get(key), value, self._resets(key))
            for key, value in as_written(self.after).items()
            if before.get(key) != value
        )

    @property
    def resets(self) -> tuple[FieldChange, ...]:
        """Return the keys among `fields` that must not be reset silently."""
        changed = self.kind is ChangeKind.CHANGED and self.stated is not None
        return tuple(one for one in self.fields if one.reset) if changed else ()

    def _resets(self, key: str) -> bool:
        if self.before is None or self.stated is None or key in self.stated:
            return False
        return key in _GUARDED[type(self.after)]


def plan_changes(
    registry: Registry, file: AccountsFile, at: datetime, policy: Policy
) -> list[Change]:
    """Return what the file changes in the accounts in force, plans first, in the file's order.

    Plans and tenants that the file does not name stay unchanged. A key that it leaves out of a plan
    or tenant that it names gets its default (but see `AccountsFile.keys`), so that the database
    matches the file afterwards; what is lived and not declared (status, blocks, trial,
    subscription) stays. A tenant without a plan in the file keeps its own; a new one gets the
    policy's default plan. A tenant whose status the file sets to `trial` is on trial for the
    policy's days from `at`, once: a tenant that had a trial or has a subscription keeps its status,
    and a note says so.

    Raises AccountsError with every contradiction found.
    """
    declared = {plan.slug: plan for plan in file.plans}
    tenants = [_tenant_change(registry, file, tenant, at, policy) for tenant in file.tenants]
    everyone = registry.tenants | {change.after.slug: change.after for change in tenants}
    problems = [
        *plan_problems(declared, registry.plans),
        *(
            problem
            for change in tenants
            for problem in choice_problems(change.before, change.after, registry.plans | declared)
        ),
        *(problem for one in tenants for problem in demo_problems(one.before, one.after)),
        *_open_period_problems(registry, declared, tenants, everyone.values(), at),
        *collection_problems(everyone, registry.plans | declared),
        *double_claims(everyone),
        *(problem for one in tenants for problem in numbers_listed_twice(one.after)),
    ]
    if problems:
        raise AccountsError([_format_problem(problem, file.places) for problem in problems])
    plans = [
        Change(
            registry.plans.get(plan.slug),
            plan,
            notes=tuple(_lost_by(plan, everyone.values())),
            stated=_stated(file, f"plan {plan.slug}"),
        )
        for plan in file.plans
    ]
    return [*plans, *tenants]


def _open_period_problems(
    registry: Registry,
    declared: Mapping[str, Plan],
    changes: Iterable[TenantChange],
    everyone: Iterable[Tenant],
    at: datetime,
) -> Iterator[Problem]:
    """Yield what the open periods of tenants that are here already cannot have."""
    moved = {one.after.slug for one in changes if one.before and one.before.plan != one.after.plan}
    for one in changes:
        if one.before is not None and one.after.slug in moved:
            yield from move_problems(one.before, one.after, registry.plans, declared, at)
    replaced = {
        slug: plan
        for slug, plan in declared.items()
        if slug in registry.plans and registry.plans[slug] != plan
    }
    having: dict[str, list[Tenant]] = {slug: [] for slug in replaced}
    for tenant in everyone if replaced else ():
        if tenant.plan in having and tenant.slug in registry.tenants and tenant.slug not in moved:
            having[tenant.plan].append(tenant)
    for slug, plan in replaced.items():
        yield from terms_problems(registry.plans[slug], plan, having[slug], at)


def _stated(file: AccountsFile, subject: str) -> frozenset[str]:
    return file.stated.get(subject, frozenset())


def _format_problem(problem: Problem, places: Mapping[str, str]) -> str:
    where = places.get(problem.subject)
    return ": ".join(filter(None, (where, problem.subject, problem.key, problem.text)))


def _lost_by(plan: Plan, tenants: Iterable[Tenant]) -> Iterator[str]:
    """Yield a note that lists the tenants of a deactivated plan."""
    keepers = [] if plan.active else sorted(t.slug for t in tenants if t.plan == plan.slug)
    if keepers:
        more = f" and {len(keepers) - _NAMED} more" if len(keepers) > _NAMED else ""
        yield (
            "deactivated: no tenant can choose it any more; it stays with"
            f" {', '.join(keepers[:_NAMED])}{more} until renewal"
        )


@dataclass(frozen=True, slots=True)
class TenantChange(Change):
    """A change of a tenant; `transition` is what changes its status, None: an operator sets it.

    Another plan holds since `plan_since`; None: from now on.
    """

    before: Tenant | None
    after: Tenant
    transition: Transition | None = None
    plan_since: datetime | None = None


def _with_what_stays(known: Tenant, declared: Tenant, keys: frozenset[str]) -> Tenant:
    """Return the declared tenant with the known values of all keys that the file leaves out."""
    stays = {
        one.name: getattr(known, one.name) for one in TENANT_FIELDS if keys.isdisjoint(one.keys)
    }
    own = {name: limit for name, limit in known.limits.items() if name not in keys}
    return replace(declared, **stays | {"limits": own | dict(declared.limits)})


def _tenant_change(
    registry: Registry, file: AccountsFile, declared: Tenant, at: datetime, policy: Policy
) -> TenantChange:
    known = registry.tenants.get(declared.slug)
    if known is not None and file.keys is not None:
        declared = _with_what_stays(known, declared, file.keys)
    lived = known or declared
    now = lived.status_at(at, policy.grace_days)
    status, note = _status_to_be(lived, file.statuses.get(declared.slug), now)
    plan, kept = _plan_to_be(known, declared.plan or lived.plan or policy.default_plan)
    becomes: dict[str, Any] = {name: getattr(lived, name) for name in _LIVED}
    becomes["added_at"] = lived.added_at if known is not None else at
    begins_trial = status is Status.TRIAL
    if status is Status.SUSPENDED:  # not a lived status: an operator's block sets it
        becomes["blocks"] = lived.blocks | {Blocker.OPERATOR}
    elif status is not None:
        becomes |= {"status": status, "status_since": at}
    if begins_trial:
        becomes["trial_until"] = at + timedelta(days=policy.trial_days)
    usage_collection = declared.usage_collection
    if known is not None:
        usage_collection = known.usage_collection.switched(
            usage_collection.way, at, known.next_period(at)
        )
    after = replace(
        declared,
        plan=plan,
        timezone=declared.timezone or policy.timezone,
        usage_collection=usage_collection,
        **becomes,
    )
    transition = Transition.TRIAL_BEGAN if begins_trial else None
    return TenantChange(
        known,
        after,
        transition,
        notes=tuple(filter(None, (note, kept))),
        stated=_stated(file, f"tenant {after.slug}"),
    )


def _plan_to_be(known: Tenant | None, named: str) -> tuple[str, str]:
    """Return the plan that a tenant gets, and a note where a subscription sets another one."""
    if known is None or known.subscription is None or known.plan == named:
        return named, ""
    return known.plan, (
        f"still on plan {known.plan}: the price of subscription {known.subscription} sets it;"
        " change the price at the payment gateway"
    )


def _status_to_be(lived: Tenant, named: Status | None, now: Status) -> tuple[Status | None, str]:
    """Return the status that the file begins (None: none), and a note for the operator.

    `now` is the lived status by the clock, whether or not the daily check has saved it yet. A
    status is lived: a file that is applied every night must neither begin a trial again nor
    silently contradict the subscription that pays.
    """
    if named is None or named is now:
        return None, ""
    linked = lived.subscription is not None
    if named is Status.TRIAL and linked:
        return None, f"still {now}: subscription {lived.subscription} sets its status and trial"
    if named is Status.TRIAL and lived.trial_until is not None:
        return None, (
            f"still {now}: its trial ended on {lived.trial_until:%Y-%m-%d}; `tenant trial"
            f" {lived.slug} --until DAY` grants another"
        )
    if linked and named is not Status.SUSPENDED:
        return named, (
            f"subscription {lived.subscription} says {now}: its next event overrides this status"
        )
    return named, ""
