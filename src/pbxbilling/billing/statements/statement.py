"""A statement: what one tenant is charged for one period, with all that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.rating import RatedLeg
from pbxbilling.billing.rating.tariff import TariffVersion
from pbxbilling.kernel.period import Period


class StatementKind(StrEnum):
    """What a statement is good for."""

    PREVIEW = "preview"  # the period as it stands; never saved
    INTERIM = "interim"  # that, saved by hand
    FINAL = "final"  # of the whole period, saved once when it has ended


class LineKind(StrEnum):
    """What a line charges. The values of `ChargeKind` are among them."""

    PLAN = "plan"
    SETUP = "setup"
    OVERAGE = "overage"
    DESTINATION = "destination"
    CALLS = "calls"
    UNITS = "units"
    ADJUSTMENT = "adjustment"  # of an earlier statement, either way
    FEE = "fee"
    DISCOUNT = "discount"
    CREDIT = "credit"


TAKES_AWAY = frozenset({LineKind.DISCOUNT, LineKind.CREDIT})
ONE_OFF = TAKES_AWAY | {LineKind.FEE}


@dataclass(frozen=True, slots=True)
class OneOff:
    """A line that somebody gave a reason for, by an id of its own.

    `amount` is in minor units, net, 0 or more: the kind says whether it is added or taken away.
    Raises ValueError for anything else, and without a reason.
    """

    id: str
    kind: LineKind
    reason: str
    amount: int

    def __post_init__(self) -> None:
        if self.kind not in ONE_OFF:
            msg = f"a one-off line is one of {', '.join(sorted(ONE_OFF))}, not {self.kind}"
            raise ValueError(msg)
        if not self.reason.strip():
            msg = f"{self.kind} {self.id}: say what it is for, it is read on the statement"
            raise ValueError(msg)
        if self.amount < 0:
            msg = f"{self.kind} {self.id}: its amount is 0 or more, the kind says which way it goes"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What calls that became known later add to a closed period, on the statement of a later one.

    `amount` is net in minor units, below 0 where they take away. The line of its `legs` is `key`.
    """

    month: str
    currency: str
    amount: int
    legs: tuple[RatedLeg, ...]

    @property
    def key(self) -> str:
        """The key of its line."""
        return adjustment_key(self.month)


def adjustment_key(month: str) -> str:
    """The key of the line that adjusts the period of that month."""
    return f"late:{month}"


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose statement it is, as it stood when it was made."""

    tenant: str
    name: str = ""
    address: str = ""
    email: str = ""
    vat_id: str = ""
    tax_exempt: bool = False

    @classmethod
    def of(cls, tenant: Tenant) -> Payer:
        """The payer that a tenant is."""
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
    """One line: `amount` net and `tax` in minor units, below 0 where it takes away.

    `key` names it within the statement; the legs of a charge carry it. `quantity` of `unit` cost
    `rate_micros` for every `per`; lines that are no charge have quantity 1 and no rate. `begins`
    and `ends` are those of a plan's price.
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

    `tariff_versions` are the tariffs in force, `legs` the usage, rated, `made_at` when it was made.
    `allowance_s` is what was included (None: unlimited), `used_s` what legs drew from it. A
    `demo` has every line at 0. `late` are legs of periods closed before, on adjustment lines.
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
        """The sum of the lines in minor units, before tax; below 0 is the tenant's credit."""
        return sum(line.amount for line in self.lines)

    @property
    def tax(self) -> int:
        """The sum of the lines' taxes."""
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        """What is to be paid."""
        return self.net + self.tax

    @property
    def estimated_legs(self) -> int:
        """How many legs have an end that nobody saw."""
        return sum(rated.leg.estimated for rated in self.legs)
