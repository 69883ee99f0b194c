"""Reads the accounts file: plans and tenants as an operator declares them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, create_model

from pbxbilling.accounts import kinds
from pbxbilling.accounts.apply import AccountsFile
from pbxbilling.accounts.fields import FIELDS
from pbxbilling.accounts.file_format import as_written, file_key, plan_as_read, tenant_as_read
from pbxbilling.accounts.kinds import Kind
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.catalog.plan import LIMIT_NAMES, Overage, Plan
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
from pbxbilling.kernel.money import check_currency
from pbxbilling.kernel.numbers import check_number
from pbxbilling.kernel.text import check_lines, check_name


def _item(text: str) -> str:
    """Check what is compared with Asterisk's text, which is read without unprintable characters."""
    if not text or text != text.strip():
        msg = "expected a string that is not empty and has no space at its ends"
        raise ValueError(msg)
    if not text.isprintable():
        msg = "expected a string of printable characters, with plain spaces"
        raise ValueError(msg)
    return check_name(text)


Text = Annotated[str, AfterValidator(check_name)]
Lines = Annotated[str, AfterValidator(check_lines)]
Slug = Annotated[str, Field(pattern=SLUG)]
Item = Annotated[str, AfterValidator(_item)]
Name = Annotated[str, Field(pattern=NAME)]


class StripePricesTable(Section):
    """`stripe_prices` of a plan: ids of prices in Stripe."""

    flat: Name = ""
    quarterly: Name = ""
    half_yearly: Name = ""
    yearly: Name = ""
    metered: Name = ""
    setup: Name = ""


class DestinationTable(Section):
    """One `[[plan.SLUG.destinations]]`."""

    prefix: Annotated[str, Field(pattern=DIGITS)]
    per_minute: Rate
    name: Text = ""
    since: Day = date.min
    in_allowance: bool = False


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
    name: Text = ""


def _unit_prices_in_currency(
    prices: Mapping[str, UnitPriceTable], info: ValidationInfo
) -> Mapping[str, UnitPriceTable]:
    for meter, one in prices.items():
        in_currency(f"{meter}: price", one.price, info, one.per, UNIT_RATE_MOST_MINOR)
    return prices


# What the file may have as a value of each kind; of a kind with several keys, in each of them.
_TYPES: Mapping[Kind[Any], Any] = {
    kinds.TEXT: Text,
    kinds.LINES: Lines,
    kinds.FLAG: bool,
    kinds.COUNT: Count,
    kinds.PLACE: Place,
    kinds.LIMIT: Limit,
    kinds.LIMITS: Limit,
    kinds.NAMES: tuple[Name, ...],
    kinds.DIRECTIONS: tuple[LegDirection, ...],
    kinds.OVERAGE: Overage,
    kinds.CURRENCY: Annotated[str, AfterValidator(check_currency)],
    kinds.AMOUNT: Amount,
    kinds.PRICES: Amount,
    kinds.RATE: PlanRate,
    kinds.PERCENTAGE: Percentage,
    kinds.INCREMENT: Increment,
    kinds.DESTINATIONS: Annotated[
        tuple[DestinationTable, ...],
        Field(max_length=1000),
        AfterValidator(_one_rate_a_day),
        AfterValidator(_rates_in_currency),
    ],
    kinds.UNIT_PRICES: Annotated[
        Mapping[Slug, UnitPriceTable], AfterValidator(_unit_prices_in_currency)
    ],
    kinds.GATEWAY_PRICES: StripePricesTable,
    kinds.PLAN_OF_TENANT: str,
    kinds.ITEMS: tuple[Item, ...],
    kinds.NUMBERS: tuple[Annotated[Text, AfterValidator(check_number)], ...],
    kinds.STATUS: Status,
    kinds.MODE: Mode,
    kinds.OVERRIDES: Limit,
    kinds.ZONE: Annotated[str, AfterValidator(check_zone)],
    kinds.DAY_OF_MONTH: Annotated[int, Field(ge=1, le=31)],
    kinds.COLLECTION: CollectionMethod,
}


class AccountTable(Section):
    """A table of the file; its keys are added by `create_model`, from those of `FIELDS`."""

    def stated(self) -> dict[str, Any]:
        """Return the keys that the file states, with plain JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)


class PlanKeys(AccountTable):
    """One `[plan.SLUG]`."""

    def plan(self, slug: str) -> Plan:
        """Build the plan that the table declares."""
        return plan_as_read(slug, self.stated())


class TenantKeys(AccountTable):
    """One `[tenant.SLUG]`; without `plan` a tenant keeps its own, a new one gets the default."""

    def tenant(self, slug: str) -> Tenant:
        """Build the tenant that the table declares."""
        return tenant_as_read(slug, self.stated())

    @property
    def declared_status(self) -> Status | None:
        """Return the status that the file states, which is no part of `tenant`."""
        return getattr(self, "status") if "status" in self.model_fields_set else None  # noqa: B009


def keys_of(record: Plan | Tenant, *last: str) -> dict[str, Any]:
    """Return the file's keys of a record's table, with their types and the record's values.

    Limits come first and the keys in `last` at the end: the order of messages and CSV columns.
    """
    values = as_written(record)
    types = {
        key: (_TYPES[field.kind], values[key])
        for field in FIELDS[type(record)]
        for key in field.keys
        if file_key(key) == key
    }
    return {key: types[key] for key in (*LIMIT_NAMES, *sorted(types, key=last.__contains__))}


TENANT_KEYS = keys_of(Tenant("", ""), "mode", "demo", "charges", "extensions")

PlanTable = create_model("PlanTable", __base__=PlanKeys, **keys_of(Plan("")))
TenantTable = create_model("TenantTable", __base__=TenantKeys, **TENANT_KEYS)


class AccountsKeys(Section):
    """The whole accounts file; the types of its tables are set below."""

    plan: Mapping[str, PlanKeys]
    tenant: Mapping[str, TenantKeys]


def _by_slug(table: type[AccountTable]) -> Any:
    return GenericAlias(Mapping, (Slug, table)), Field(default_factory=dict)


AccountsDocument = create_model(
    "AccountsDocument",
    __base__=AccountsKeys,
    plan=_by_slug(PlanTable),
    tenant=_by_slug(TenantTable),
)


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
        statuses=declared_statuses(document.tenant),
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


def declared_statuses(tables: Mapping[str, TenantKeys]) -> dict[str, Status]:
    """Return the statuses that tables state, by slug."""
    found = {slug: table.declared_status for slug, table in tables.items()}
    return {slug: status for slug, status in found.items() if status is not None}
