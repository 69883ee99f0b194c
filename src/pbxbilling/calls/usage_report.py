"""Reports of usage for operators, computed from accounts and records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.calls.live.records import UsageRow
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.codes import LegDirection


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Answered trunk legs of a tenant (None: unowned legs) in one period, in both directions.

    `month` is the month in which the period begins; it runs from `begins_at` until just before
    `ends_at`. Seconds are as measured, minutes exact decimals after the billing increment. `plan`
    and `included_minutes` are today's; None is unlimited, and with 0 every minute of the plan's
    `included_directions` is overage. A demo tenant has none: overage is what is billed.
    """

    tenant: str | None
    month: str
    plan: str | None
    outbound_calls: int = 0
    outbound_seconds: float = 0.0
    outbound_minutes: Decimal = Decimal(0)
    inbound_calls: int = 0
    inbound_seconds: float = 0.0
    inbound_minutes: Decimal = Decimal(0)
    included_minutes: Decimal | None = Decimal(0)
    overage_minutes: Decimal = Decimal(0)
    begins_at: datetime | None = None
    ends_at: datetime | None = None


def usage_reports(
    rows: Iterable[UsageRow], registry: Registry, also: Iterable[tuple[str | None, str]] = ()
) -> Iterator[UsageReport]:
    """Yield one report per tenant and month, by tenant (unowned legs last), then month.

    `also` names tenants and months to report even without usage.
    """
    grouped: dict[tuple[str | None, str], dict[LegDirection, UsageRow]] = defaultdict(dict)
    for key in also:
        grouped[key] = {}
    for row in rows:
        grouped[row.tenant, row.month][row.direction] = row
    ordered = sorted(grouped, key=lambda key: (key[0] is None, key[0] or "", key[1]))
    for tenant, month in ordered:
        yield _usage_report(tenant, month, grouped[tenant, month], registry)


def _usage_report(
    tenant: str | None, month: str, ways: Mapping[LegDirection, UsageRow], registry: Registry
) -> UsageReport:
    known = registry.tenants.get(tenant) if tenant else None
    plan = registry.plans.get(known.plan) if known else None
    included = _included_minutes(plan)
    drawn = _minutes(sum(row.allowance_s for row in ways.values()))
    billed_beyond = None if known is not None and known.demo else included
    period = known.period_of(month) if known else None
    outbound, inbound = ways.get(LegDirection.OUTBOUND), ways.get(LegDirection.INBOUND)
    return UsageReport(
        tenant=tenant,
        month=month,
        plan=known.plan if known else None,
        outbound_calls=outbound.calls if outbound else 0,
        outbound_seconds=outbound.talk_us / 1_000_000 if outbound else 0.0,
        outbound_minutes=_minutes(outbound.billed_s if outbound else 0),
        inbound_calls=inbound.calls if inbound else 0,
        inbound_seconds=inbound.talk_us / 1_000_000 if inbound else 0.0,
        inbound_minutes=_minutes(inbound.billed_s if inbound else 0),
        included_minutes=included,
        overage_minutes=_overage(drawn, billed_beyond),
        begins_at=period.begins if period else None,
        ends_at=period.ends if period else None,
    )


def _included_minutes(plan: Plan | None) -> Decimal | None:
    if plan is None:
        return Decimal(0)
    return None if plan.included_minutes is None else Decimal(plan.included_minutes)


def _overage(drawn: Decimal, included: Decimal | None) -> Decimal:
    return Decimal(0) if included is None else max(Decimal(0), drawn - included)


def _minutes(seconds: int) -> Decimal:
    return Decimal(seconds) / 60
