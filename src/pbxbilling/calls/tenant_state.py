"""What one tenant holds and has used at this moment, for live displays."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from pbxbilling.accounts.terms.blocks import block_reasons
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.metering.allowance import Allowances
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.ports import Clock


@dataclass(frozen=True, slots=True)
class TenantState:
    """A tenant at `at`: its status, its live calls against `max_calls`, its minutes.

    `calls` is what the limit compares (internal ones only where the plan counts them); the next
    three fields are all calls by direction. `minutes` are those of ended legs in the plan's
    included directions, in `month` of the tenant's zone and after the billing increment;
    `included_minutes` is None without an allowance. States that differ only in `at` are equal.
    """

    at: datetime = field(compare=False)
    tenant: str
    plan: str
    status: Status
    blocks: tuple[Blocker, ...]
    mode: Mode
    calls: int
    outbound_calls: int
    inbound_calls: int
    internal_calls: int
    max_calls: int | None
    month: str
    minutes: Decimal
    included_minutes: int | None


class TenantStates:
    """Builds states from the ledger and the accounts in force. Nothing here waits."""

    def __init__(
        self, ledger: Ledger, in_force: InForce, allowances: Allowances, clock: Clock
    ) -> None:
        self._ledger, self._in_force = ledger, in_force
        self._allowances, self._clock = allowances, clock

    def tenants(self) -> list[str]:
        """Return the slugs of all tenants."""
        return list(self._in_force.registry.tenants)

    def of(self, slug: str) -> TenantState | None:
        """Return the state of a tenant; None where the tenant or its plan is unknown."""
        terms = self._in_force.registry.terms(slug)
        if terms is None:
            return None
        tenant, plan, at = terms.tenant, terms.plan, self._clock.now()
        load = self._ledger.load(slug)
        grace_days = self._in_force.policy.grace_days
        left_s = self._allowances.remaining_s(terms, at, self._clock.monotonic())
        return TenantState(
            at=at,
            tenant=slug,
            plan=plan.slug,
            status=tenant.status_shown_at(at, grace_days),
            blocks=tuple(block_reasons(tenant, terms, at, grace_days, left_s)),
            mode=self._in_force.mode_of(slug),
            calls=load.calls(count_internal=plan.count_internal),
            outbound_calls=load.outbound,
            inbound_calls=load.inbound,
            internal_calls=load.internal,
            max_calls=terms.limits.max_calls,
            month=tenant.period_at(at).month,
            minutes=Decimal(self._allowances.drawn_s(tenant, at)) / 60,
            included_minutes=plan.included_minutes,
        )
