"""Why a tenant's calls are refused at this moment: each blocker with a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pbxbilling.accounts.terms.registry import Terms
from pbxbilling.accounts.terms.status import Blocker
from pbxbilling.accounts.terms.tenant import Tenant

BlockReasons = Mapping[Blocker, str]


def block_reasons(
    tenant: Tenant, terms: Terms | None, at: datetime, grace_days: int, left_s: float | None
) -> BlockReasons:
    """Return each blocker of the tenant at `at`, with what is closed and what lifts the block.

    `left_s` are the seconds left of a hard allowance; None: the tenant has none. A blocker with two
    reasons appears once, with both.
    """
    said: dict[Blocker, str] = {}
    if Blocker.OPERATOR in tenant.blocks:
        said[Blocker.OPERATOR] = (
            f"suspended: no calls to or from outside; `tenant activate {tenant.slug}` lifts it"
        )
    by = tenant.closed_by(at, grace_days)
    if by is not None:
        status = _status(by, tenant, at, grace_days)
        said[by] = f"{said[by]}. {status}" if by in said else status
    if terms is not None and left_s is not None and left_s <= 0:
        said[Blocker.ALLOWANCE] = _used_up(terms, at)
    return dict(sorted(said.items()))


def _status(by: Blocker, tenant: Tenant, at: datetime, grace_days: int) -> str:
    if by is Blocker.TRIAL:
        return (
            f"trial until {_day(tenant.trial_until)}, and its grace is over: no outbound calls;"
            f" a payment lifts it, `tenant trial {tenant.slug} --until DAY` gives more time"
        )
    status, over = tenant.status_at(at, grace_days), tenant.granted_until(grace_days)
    since = _day(tenant.status_since if status is tenant.status else over)
    if by is Blocker.SUBSCRIPTION:
        return (
            f"{status} since {since}, by subscription {tenant.subscription}: no outbound calls;"
            " a payment lifts it"
        )
    return (
        f"{status} since {since}, set by an operator: no outbound calls; `status` in the accounts"
        " file lifts it"
    )


def _used_up(terms: Terms, at: datetime) -> str:
    closed = " or ".join(sorted(terms.plan.included_directions, reverse=True))
    return (
        f"the {terms.plan.included_minutes} minutes of plan {terms.plan.slug} are used up: no"
        f" {closed} calls; a new period begins on {_day(terms.tenant.period_at(at).ends)}"
    )


def _day(at: datetime | None) -> str:
    return "its beginning" if at is None else f"{at:%Y-%m-%d}"
