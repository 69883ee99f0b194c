"""Plans: what they include, limit and cost, and whether a gateway's meter can charge them."""

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
    """How often a plan's price is due. The allowance is monthly on every cycle."""

    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"

    @property
    def months(self) -> int:
        """Return the length of the cycle in calendar months."""
        return _MONTHS[self]


_MONTHS = {Cycle.MONTH: 1, Cycle.QUARTER: 3, Cycle.HALF_YEAR: 6, Cycle.YEAR: 12}


@dataclass(frozen=True, slots=True)
class BillingIncrement:
    """The blocks in which seconds are charged, written "30/6": the first 30 s, then 6 s steps."""

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
        """Parse "60/60". Raises ValueError that says what was expected."""
        first, slash, step = text.partition("/")
        if not (slash and first.isdecimal() and step.isdecimal()):
            msg = f'billing increment {text!r}: expected "first/step" in whole seconds, as "60/60"'
            raise ValueError(msg)
        return cls(int(first), int(step))

    @property
    def in_whole_minutes(self) -> bool:
        """Return whether every leg is charged in whole minutes."""
        return self.first_s % 60 == 0 and self.step_s % 60 == 0

    def billable_s(self, answered_us: int) -> int:
        """Return the seconds charged for `answered_us` microseconds of talk; 0 if unanswered.

        A begun second counts in full: 60.2 s is 61 s, and 120 s at 60/60.
        """
        if answered_us <= 0:
            return 0
        answered_s = -(-answered_us // 1_000_000)
        steps = -(-max(0, answered_s - self.first_s) // self.step_s)
        return self.first_s + steps * self.step_s

    def most_s(self, legs: int, answered_us: int) -> int:
        """Return the seconds that so many legs are charged at most, who talked so much together."""
        return -(-answered_us // 1_000_000) + legs * (1 + max(self.first_s, self.step_s))


PER_MINUTE = BillingIncrement(60, 60)


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of a tenant's load. None means unlimited, 0 means none allowed."""

    max_calls: int | None = None
    max_outbound_calls: int | None = None
    max_inbound_calls: int | None = None
    max_trunk_legs: int | None = None
    max_calls_per_second: int | None = None

    def overridden_by(self, overrides: Mapping[str, int | None]) -> Limits:
        """Return these limits with a tenant's own values in place of the plan's."""
        return replace(self, **overrides) if overrides else self


LIMIT_NAMES = tuple(f.name for f in fields(Limits))


# The cycles that a gateway sells, with the field of `Prices` that holds the id.
SOLD_CYCLES: Mapping[Cycle, str] = {
    Cycle.MONTH: "flat",
    Cycle.QUARTER: "quarterly",
    Cycle.HALF_YEAR: "half_yearly",
    Cycle.YEAR: "yearly",
}


@dataclass(frozen=True, slots=True)
class Prices:
    """The ids of a plan's prices at one gateway; "" is none. Ids are stored nowhere else.

    `flat` is the price of a month, `quarterly`, `half_yearly` and `yearly` those of longer cycles,
    `metered` the price that usage is reported to, `setup` the one-time fee.
    """

    flat: str = ""
    yearly: str = ""
    metered: str = ""
    setup: str = ""
    quarterly: str = ""
    half_yearly: str = ""

    def of(self, cycle: Cycle) -> str:
        """Return the id of the plan's own price on a cycle; "" where there is none."""
        price: str = getattr(self, SOLD_CYCLES[cycle])
        return price


NO_PRICES = Prices()


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """A plan, keyed by a slug that never changes.

    Money is in minor units of `currency`; rates (`…_micros`) are in millionths of its major unit. A
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
    meters: tuple[UnitPrice, ...] = ()  # of usage other than calls
    features: frozenset[str] = frozenset()
    gateway_prices: Mapping[GatewayName, Prices] = field(default_factory=dict)
    active: bool = True  # whether it can be chosen; its tenants have it until renewal
    recommended: bool = False
    sort_order: int = 0  # place in lists of plans, smallest first

    @property
    def hard_allowance_s(self) -> int | None:
        """Return the hard allowance in seconds, which refuses and cuts calls instead of billing.

        None: the allowance is not hard. A hard one without included minutes is 0.
        """
        if self.overage is not Overage.BLOCK or self.included_minutes is None:
            return None
        return self.included_minutes * 60

    @property
    def own_cycle(self) -> Cycle:
        """Return the cycle of a tenant without a subscription: the shortest that has a price."""
        return min(self.prices, key=lambda cycle: cycle.months, default=Cycle.MONTH)

    @property
    def costs_nothing(self) -> bool:
        """Return whether no use of it costs anything, so that its currency does not matter."""
        amounts = (self.setup_fee, self.overage_per_minute_micros, self.price_per_call_micros)
        rates = (*(one.per_minute_micros for one in self.destinations), *self.prices.values())
        return not (any(amounts) or any(rates) or self.meters)

    def prices_at(self, gateway: GatewayName) -> Prices:
        """Return the ids of its prices at a gateway."""
        return self.gateway_prices.get(gateway, NO_PRICES)

    def price_ids(self, cycles: Iterable[Cycle] = tuple(SOLD_CYCLES)) -> frozenset[str]:
        """Return the ids, at any gateway, of the plan's own prices on these cycles.

        They identify the plan of a subscription; the price of usage may be shared by many plans.
        """
        everywhere = self.gateway_prices.values()
        return frozenset({prices.of(cycle) for prices in everywhere for cycle in cycles}) - {""}

    def includes(self, direction: str) -> bool:
        """Return whether legs (or calls) of this direction use the included minutes."""
        return direction in self.included_directions


def unmeterable(plan: Plan) -> tuple[str, ...]:
    """Return why a gateway's meter of whole minutes cannot charge the plan; empty if it can."""
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
