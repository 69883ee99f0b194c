"""Reads the accounts file: plans and tenants as an operator declares them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo

from pbxbilling.accounts.apply import AccountsFile
from pbxbilling.accounts.file_format import PRICE_KEYS
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import (
    LIMIT_NAMES,
    BillingIncrement,
    Cycle,
    Limits,
    Overage,
    Plan,
    Prices,
    sold_at,
)
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.config.document import parse, read_text
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.lines import key_lines, line_of
from pbxbilling.config.quantities import (
    Amount,
    Count,
    Day,
    Increment,
    Limit,
    Percentage,
    Place,
    PlanRate,
    Rate,
    in_currency,
)
from pbxbilling.config.sections import Section
from pbxbilling.config.validation_messages import faults_of
from pbxbilling.config.value_types import DIGITS, NAME, SLUG, check_zone
from pbxbilling.kernel.bounds import UNIT_RATE_MOST_MINOR
from pbxbilling.kernel.codes import LegDirection, Mode
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.money import check_currency, to_basis_points, to_micros, to_minor


def _item(text: str) -> str:
    if not text or text != text.strip():
        msg = "expected a string that is not empty and has no space at its ends"
        raise ValueError(msg)
    return text


Slug = Annotated[str, Field(pattern=SLUG)]
Item = Annotated[str, AfterValidator(_item)]
Name = Annotated[str, Field(pattern=NAME)]


class _Limited(Section):
    max_calls: Limit | None = None
    max_outbound_calls: Limit | None = None
    max_inbound_calls: Limit | None = None
    max_trunk_legs: Limit | None = None
    max_calls_per_second: Limit | None = None

    def limits(self) -> dict[str, int | None]:
        """Return the limits that the file sets; -1 becomes None, which is unlimited."""
        given = {name: getattr(self, name) for name in LIMIT_NAMES if name in self.model_fields_set}
        return {name: None if value == -1 else value for name, value in given.items()}


class StripePricesTable(Section):
    """`stripe_prices` of a plan: ids of prices in Stripe."""

    flat: Name = ""
    yearly: Name = ""
    metered: Name = ""
    setup: Name = ""


class DestinationTable(Section):
    """One `[[plan.SLUG.destinations]]`."""

    prefix: Annotated[str, Field(pattern=DIGITS)]
    per_minute: Rate
    name: str = ""
    since: Day = date.min
    in_allowance: bool = False

    def rate(self) -> DestinationRate:
        """Build the rate that the table declares."""
        return DestinationRate(
            prefix=self.prefix,
            per_minute_micros=to_micros(self.per_minute),
            name=self.name,
            since=self.since,
            in_allowance=self.in_allowance,
        )


def _one_rate_a_day(rates: tuple[DestinationTable, ...]) -> tuple[DestinationTable, ...]:
    times = Counter((rate.prefix, rate.since) for rate in rates)
    twins = sorted({prefix for (prefix, _), many in times.items() if many > 1})
    if twins:
        msg = f"prefix {', '.join(twins)} has two rates from the same day on: remove one of them"
        raise ValueError(msg)
    return rates


def _rates_in_currency(
    rates: tuple[DestinationTable, ...], info: ValidationInfo
) -> tuple[DestinationTable, ...]:
    for rate in rates:
        in_currency(f"prefix {rate.prefix}: per_minute", rate.per_minute, info)
    return rates


class UnitPriceTable(Section):
    """One entry of a plan's `meters`."""

    price: Rate
    per: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    name: str = ""


def _unit_prices_in_currency(
    prices: Mapping[str, UnitPriceTable], info: ValidationInfo
) -> Mapping[str, UnitPriceTable]:
    for meter, one in prices.items():
        in_currency(f"{meter}: price", one.price, info, one.per, UNIT_RATE_MOST_MINOR)
    return prices


class PlanTable(_Limited):
    """One `[plan.SLUG]`."""

    name: str = ""
    description: str = ""
    count_internal: bool = False
    included_minutes: Limit = 0
    included_directions: tuple[LegDirection, ...] = (LegDirection.OUTBOUND,)
    overage: Overage = Overage.BILL
    currency: Annotated[str, AfterValidator(check_currency)] = "USD"  # must precede the amounts
    price: Amount | None = None
    price_quarter: Amount | None = None
    price_half_year: Amount | None = None
    price_year: Amount | None = None
    setup_fee: Amount = "0"
    overage_per_minute: PlanRate = "0"
    price_per_call: PlanRate = "0"
    billing_increment: Increment = "60/60"
    tax_rate: Percentage = "0"
    destinations: Annotated[
        tuple[DestinationTable, ...],
        Field(max_length=1000),
        AfterValidator(_one_rate_a_day),
        AfterValidator(_rates_in_currency),
    ] = ()
    meters: Annotated[Mapping[Slug, UnitPriceTable], AfterValidator(_unit_prices_in_currency)] = (
        Field(default_factory=dict)
    )
    features: tuple[Name, ...] = ()
    stripe_prices: StripePricesTable = StripePricesTable()
    active: bool = True
    recommended: bool = False
    sort_order: Place = 0

    def plan(self, slug: str) -> Plan:
        """Build the plan that the table declares."""
        minutes = self.included_minutes
        return Plan(
            slug=slug,
            name=self.name,
            description=self.description,
            limits=Limits(**self.limits()),
            count_internal=self.count_internal,
            included_minutes=None if minutes == -1 else minutes,
            included_directions=frozenset(self.included_directions),
            overage=self.overage,
            currency=self.currency,
            prices=self._prices(),
            setup_fee=to_minor(self.setup_fee, self.currency),
            overage_per_minute_micros=to_micros(self.overage_per_minute),
            price_per_call_micros=to_micros(self.price_per_call),
            billing_increment=BillingIncrement.parse(self.billing_increment),
            tax_rate_bp=to_basis_points(self.tax_rate),
            destinations=tuple(table.rate() for table in self.destinations),
            meters=tuple(
                UnitPrice(meter, to_micros(one.price), one.per, one.name)
                for meter, one in sorted(self.meters.items())
            ),
            features=frozenset(self.features),
            gateway_prices=sold_at(STRIPE, Prices(**self.stripe_prices.model_dump())),
            active=self.active,
            recommended=self.recommended,
            sort_order=self.sort_order,
        )

    def _prices(self) -> dict[Cycle, int]:
        written = {cycle: getattr(self, key) for cycle, key in PRICE_KEYS.items()}
        return {c: to_minor(p, self.currency) for c, p in written.items() if p is not None}


class TenantTable(_Limited):
    """One `[tenant.SLUG]`; without `plan` a tenant keeps its own, a new one gets the default."""

    plan: str = ""
    name: str = ""
    email: str = ""
    address: str = ""
    contacts: tuple[Item, ...] = ()
    vat_id: str = ""
    tax_exempt: bool = False
    status: Status | None = None
    accountcodes: tuple[Item, ...] = ()
    dids: tuple[Item, ...] = ()
    contexts: tuple[Item, ...] = ()
    timezone: Annotated[str, AfterValidator(check_zone)] = ""  # "": the provider's
    anchor_day: Annotated[int, Field(ge=1, le=31)] = 1
    mode: Mode | None = None
    demo: bool = False
    charges: CollectionMethod = CollectionMethod.NONE
    extensions: Count = 0

    def tenant(self, slug: str) -> Tenant:
        """Build the tenant that the table declares."""
        return Tenant(
            slug=slug,
            plan=self.plan,
            name=self.name,
            email=self.email,
            address=self.address,
            contacts=self.contacts,
            vat_id=self.vat_id,
            tax_exempt=self.tax_exempt,
            mode=self.mode,
            limits=self.limits(),
            accountcodes=self.accountcodes,
            dids=self.dids,
            contexts=self.contexts,
            timezone=self.timezone,
            anchor_day=self.anchor_day,
            demo=self.demo,
            usage_collection=UsageCollection(self.charges),
            extensions=self.extensions,
        )


class AccountsDocument(Section):
    """The whole accounts file."""

    plan: Mapping[Slug, PlanTable] = Field(default_factory=dict)
    tenant: Mapping[Slug, TenantTable] = Field(default_factory=dict)


def load_accounts(path: Path) -> AccountsFile:
    """Read an accounts file. Raises ConfigError with every fault, its key and its line."""
    return read_accounts(read_text(path), str(path))


def read_accounts(text: str, source: str) -> AccountsFile:
    """Read the text of an accounts file; faults name it by `source`. Raises ConfigError."""
    written: dict[str, Any] = parse(Path(source), text)
    lines = key_lines(text)
    try:
        document = AccountsDocument.model_validate_json(json.dumps(written, default=str))
    except ValidationError as error:
        places = faults_of(error, AccountsDocument, lambda key: (source, line_of(key, lines)))
        raise ConfigError(list(places)) from None
    return AccountsFile(
        plans=tuple(table.plan(slug) for slug, table in document.plan.items()),
        tenants=tuple(table.tenant(slug) for slug, table in document.tenant.items()),
        statuses={s: t.status for s, t in document.tenant.items() if t.status is not None},
        places={
            f"{kind} {slug}": f"{source}:{line_of((kind, slug), lines)}"
            for kind, slugs in (("plan", document.plan), ("tenant", document.tenant))
            for slug in slugs
        },
        stated={
            f"{kind} {slug}": frozenset(table.model_fields_set)
            for kind, tables in (("plan", document.plan), ("tenant", document.tenant))
            for slug, table in tables.items()
        },
    )
