"""A statement: what one tenant is charged for one period, with everything it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.rating import RatedLeg
from pbxbilling.billing.rating.tariff import TariffVersion
from pbxbilling.billing.records import OneOffEntry
from pbxbilling.kernel.period import Period


class StatementKind(StrEnum):
    """How binding a statement is."""

    PREVIEW = "preview"  # the period so far; never saved
    INTERIM = "interim"  # a preview that an operator saved
    FINAL = "final"  # the whole period, saved once when it has ended


class LineKind(StrEnum):
    """What a line charges. Includes the values of `ChargeKind`."""

    PLAN = "plan"
    SETUP = "setup"
    OVERAGE = "overage"
    DESTINATION = "destination"
    CALLS = "calls"
    UNITS = "units"
    ADJUSTMENT = "adjustment"  # of an earlier statement, up or down
    FEE = "fee"
    DISCOUNT = "discount"
    CREDIT = "credit"


TAKES_AWAY = frozenset({LineKind.DISCOUNT, LineKind.CREDIT})
ONE_OFF = TAKES_AWAY | {LineKind.FEE}


@dataclass(frozen=True, slots=True)
class OneOff:
    """A line that an operator added, with a reason and an id.

    `amount` is in minor units, net, 0 or more: the kind says whether it is added or subtracted.
    Raises ValueError for any other amount or kind, and without a reason.
    """

    id: str
    kind: LineKind
    reason: str
    amount: int

    @classmethod
    def of(cls, entry: OneOffEntry) -> OneOff:
        """Build it from its record."""
        return cls(str(entry.number), LineKind(entry.kind), entry.reason, entry.amount)

    def __post_init__(self) -> None:
        if self.kind not in ONE_OFF:
            msg = f"a one-off line is one of {', '.join(sorted(ONE_OFF))}, not {self.kind}"
            raise ValueError(msg)
        if not self.reason.strip():
            msg = f"{self.kind} {self.id}: a reason is missing; it is printed on the statement"
            raise ValueError(msg)
        if self.amount < 0:
            msg = (
                f"{self.kind} {self.id}: expected an amount of 0 or more; its kind decides whether"
                " that is added or subtracted"
            )
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What late calls add to a closed period, charged on the statement of a later one.

    `amount` is net in minor units, below 0 for a reduction. Its `legs` are on the line `key`.
    """

    month: str
    currency: str
    amount: int
    legs: tuple[RatedLeg, ...]

    @property
    def key(self) -> str:
        """The key of its line on the statement."""
        return adjustment_key(self.month)


def adjustment_key(month: str) -> str:
    """Return the key of the line that adjusts the period of that month."""
    return f"late:{month}"


@dataclass(frozen=True, slots=True)
class Payer:
    """The tenant's billing details at the time a statement was made."""

    tenant: str
    name: str = ""
    address: str = ""
    email: str = ""
    vat_id: str = ""
    tax_exempt: bool = False

    @classmethod
    def of(cls, tenant: Tenant) -> Payer:
        """Copy a tenant's billing details."""
        return cls(
            tenant=tenant.slug,
            name=tenant.name or tenant.slug,
            address=tenant.address,
            email=tenant.email,
            vat_id=tenant.vat_id,
            tax_exempt=tenant.tax_exempt,
        )


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line: net `amount` and `tax` in minor units, below 0 where it reduces the total.

    `key` is unique within the statement; the legs behind a charge carry it. `quantity` of `unit`
    costs `rate_micros` for every `per`; lines without a rate have quantity 1, or for adjustments
    the number of calls. `begins` and `ends` are set for a plan's price.
    """

    key: str
    kind: LineKind
    text: str
    amount: int
    tax_rate_bp: int = 0
    tax: int = 0
    quantity: int = 1
    unit: str = ""
    per: int = 1
    rate_micros: int | None = None
    begins: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a tenant is charged for a period, and what that was made from; it never changes.

    `tariff_versions` are the tariffs in force, `legs` the rated usage. `allowance_s` is what was
    included (None: unlimited), `used_s` what legs drew from it. Every line of a `demo` is 0.
    `late` are legs of periods closed before, on adjustment lines.
    """

    payer: Payer
    period: Period
    kind: StatementKind
    made_at: datetime
    currency: str
    demo: bool
    lines: tuple[StatementLine, ...]
    tariff_versions: tuple[TariffVersion, ...]
    legs: tuple[RatedLeg, ...]
    allowance_s: int | None
    used_s: int
    late: tuple[RatedLeg, ...] = ()

    @property
    def net(self) -> int:
        """The sum of the lines in minor units, before tax; below 0 is a credit to the tenant."""
        return sum(line.amount for line in self.lines)

    @property
    def tax(self) -> int:
        """The sum of the lines' taxes, in minor units."""
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        """The amount to be paid, in minor units."""
        return self.net + self.tax

    @property
    def free_emergency_legs(self) -> int:
        """The number of emergency legs that cost nothing and used no minutes."""
        return sum(rated.leg.emergency and not rated.billed_s for rated in self.legs)

    @property
    def estimated_legs(self) -> int:
        """The number of legs whose end was estimated, not observed."""
        return sum(rated.leg.estimated for rated in self.legs)
