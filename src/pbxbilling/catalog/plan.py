"""What a plan sells and what it limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.kernel.records import Record


class Overage(StrEnum):
    """What happens when the included minutes are used up."""

    BILL = "bill"
    BLOCK = "block"


class Cycle(StrEnum):
    """How often a plan's price is due. The allowance is a month's on every one of them."""

    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"

    @property
    def months(self) -> int:
        """Its length in calendar months."""
        return _MONTHS[self]


_MONTHS = {Cycle.MONTH: 1, Cycle.QUARTER: 3, Cycle.HALF_YEAR: 6, Cycle.YEAR: 12}


@dataclass(frozen=True, slots=True)
class BillingIncrement:
    """Charging blocks, written "30/6": the first 30 s, then steps of 6 s."""

    first_s: int
    step_s: int

    def __post_init__(self) -> None:
        if self.first_s < 0 or self.step_s < 1:
            msg = f"billing increment {self}: the first block is 0 s or more, the step 1 s or more"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.first_s}/{self.step_s}"

    @classmethod
    def parse(cls, text: str) -> BillingIncrement:
        """Read "60/60"; raises ValueError that says what was expected."""
        first, slash, step = text.partition("/")
        if not (slash and first.isdecimal() and step.isdecimal()):
            msg = f'billing increment {text!r}: expected "first/step" in whole seconds, as "60/60"'
            raise ValueError(msg)
        return cls(int(first), int(step))

    @property
    def in_whole_minutes(self) -> bool:
        """Whether every leg is charged whole minutes."""
        return self.first_s % 60 == 0 and self.step_s % 60 == 0

    def billable_s(self, answered_us: int) -> int:
        """Seconds charged for `answered_us` microseconds of talk; none for an unanswered leg.

        A begun second is a second: 60.2 s is 61 s, and 120 s at 60/60.
        """
        if answered_us <= 0:
            return 0
        answered_s = -(-answered_us // 1_000_000)
        steps = -(-max(0, answered_s - self.first_s) // self.step_s)
        return self.first_s + steps * self.step_s


PER_MINUTE = BillingIncrement(60, 60)


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of a tenant's load. None is unlimited, 0 is none: the two are never confused."""

    max_calls: int | None = None
    max_outbound_calls: int | None = None
    max_inbound_calls: int | None = None
    max_trunk_legs: int | None = None
    max_calls_per_second: int | None = None

    def overridden_by(self, overrides: Mapping[str, int | None]) -> Limits:
        """These limits with a tenant's own values in place of the plan's."""
        return replace(self, **overrides) if overrides else self


LIMIT_NAMES = tuple(f.name for f in fields(Limits))


# The cycles that a gateway sells, with the field of `Prices` that has the id.
SOLD_CYCLES: Mapping[Cycle, str] = {Cycle.MONTH: "flat", Cycle.YEAR: "yearly"}


@dataclass(frozen=True, slots=True)
class Prices:
    """The ids of a plan's prices at one gateway; "" is none. No other place holds one.

    `flat` is the price of a month, `yearly` that of a year, `metered` the one that usage is
    reported to, `setup` the one-time fee.
    """

    flat: str = ""
    yearly: str = ""
    metered: str = ""
    setup: str = ""

    def of(self, cycle: Cycle) -> str:
        """The id of the plan's own price on a cycle; "" where there is none."""
        key = SOLD_CYCLES.get(cycle)
        return getattr(self, key) if key is not None else ""


NO_PRICES = Prices()


def sold_at(gateway: GatewayName, prices: Prices) -> dict[GatewayName, Prices]:
    """Return a plan's `gateway_prices` where one gateway sells it; without an id it does not."""
    return {gateway: prices} if prices != NO_PRICES else {}


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """A plan by its slug, which never changes.

    Money is in minor units of `currency`; rates (`…_micros`) are millionths of its major unit. A
    cycle that `prices` does not name is not for sale.
    """

    slug: str
    name: str = ""
    description: str = ""
    limits: Limits = Limits()
    count_internal: bool = False
    included_minutes: int | None = 0  # a month; None: unlimited, 0: every minute is overage
    included_directions: frozenset[LegDirection] = frozenset({LegDirection.OUTBOUND})
    overage: Overage = Overage.BILL
    currency: str = "USD"
    prices: Mapping[Cycle, int] = field(default_factory=dict)
    setup_fee: int = 0  # once a tenant
    overage_per_minute_micros: int = 0
    price_per_call_micros: int = 0
    billing_increment: BillingIncrement = PER_MINUTE
    tax_rate_bp: int = 0  # hundredths of a per cent, on top of the amounts above
    destinations: tuple[DestinationRate, ...] = ()
    meters: tuple[UnitPrice, ...] = ()  # of usage that is no call
    features: frozenset[str] = frozenset()
    gateway_prices: Mapping[GatewayName, Prices] = field(default_factory=dict)
    active: bool = True  # whether it can be chosen; who has it keeps it until renewal
    recommended: bool = False
    sort_order: int = 0  # where plans are listed, the smallest first

    @property
    def hard_allowance_s(self) -> int | None:
        """The allowance where it is hard: it refuses and cuts, instead of billing beyond.

        None where it is not. Hard with no included minutes at all is an allowance of 0.
        """
        if self.overage is not Overage.BLOCK or self.included_minutes is None:
            return None
        return self.included_minutes * 60

    def prices_at(self, gateway: GatewayName) -> Prices:
        """The ids of its prices at a gateway."""
        return self.gateway_prices.get(gateway, NO_PRICES)

    def price_ids(self, cycles: Iterable[Cycle] = tuple(SOLD_CYCLES)) -> frozenset[str]:
        """The ids, at any gateway, of its own price on one of these cycles.

        A subscription names the plan by them: usage may have one price on many plans.
        """
        everywhere = self.gateway_prices.values()
        return frozenset({prices.of(cycle) for prices in everywhere for cycle in cycles}) - {""}

    def includes(self, direction: str) -> bool:
        """Whether legs (or calls) of this direction use the included minutes."""
        return direction in self.included_directions


def unmeterable(plan: Plan) -> tuple[str, ...]:
    """Why a meter of whole minutes at the gateway cannot charge the same; empty if it can."""
    faults: list[str] = []
    if not plan.billing_increment.in_whole_minutes:
        faults.append(f"its billing increment, {plan.billing_increment}, is not whole minutes")
    if plan.price_per_call_micros:
        faults.append("it has a price per call")
    if plan.destinations:
        faults.append("it has rates by destination")
    if plan.meters:
        faults.append("it has meters of other units")
    return tuple(faults)
