"""The accounts file: plans and tenants as an operator declares them, typed once at the edge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from pbxbilling.config.complaints import faults_of
from pbxbilling.config.document import parse, read_text
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.forms import SLUG, check_zone
from pbxbilling.config.lines import key_lines, line_of
from pbxbilling.config.model import Section
from pbxbilling.domain.admission import Mode
from pbxbilling.domain.channel import LegDirection
from pbxbilling.domain.money import check_currency, to_micros, to_minor
from pbxbilling.domain.plan import LIMIT_NAMES, BillingIncrement, Limits, Overage, Plan
from pbxbilling.domain.standing import Status
from pbxbilling.domain.tenant import Tenant
from pbxbilling.services.accounts import AccountsFile

Slug = Annotated[str, Field(pattern=SLUG)]
Limit = Annotated[int, Field(ge=-1)]


class _Limited(Section):
    max_calls: Limit | None = None
    max_outbound_calls: Limit | None = None
    max_inbound_calls: Limit | None = None
    max_trunk_legs: Limit | None = None
    max_calls_per_second: Limit | None = None

    def limits(self) -> dict[str, int | None]:
        """The limits that are given; -1 is unlimited."""
        given = {name: getattr(self, name) for name in LIMIT_NAMES if name in self.model_fields_set}
        return {name: None if value == -1 else value for name, value in given.items()}


class PlanTable(_Limited):
    """One `[plan.SLUG]`."""

    name: str = ""
    count_internal: bool = False
    included_minutes: Limit | None = None
    included_directions: tuple[LegDirection, ...] = (LegDirection.OUTBOUND,)
    overage: Overage = Overage.BILL
    price: str = "0"
    currency: Annotated[str, AfterValidator(check_currency)] = "USD"
    overage_per_minute: str = "0"
    billing_increment: str = "60/60"
    stripe_prices: Mapping[str, str] = Field(default_factory=dict)
    active: bool = True

    @model_validator(mode="after")
    def _amounts_are_amounts(self) -> PlanTable:
        self.plan("checked")
        return self

    def plan(self, slug: str) -> Plan:
        """The plan that the table declares; raises ValueError over an amount or increment."""
        minutes = self.included_minutes
        return Plan(
            slug=slug,
            name=self.name,
            limits=Limits(**self.limits()),
            count_internal=self.count_internal,
            included_minutes=None if minutes == -1 else minutes,
            included_directions=frozenset(self.included_directions),
            overage=self.overage,
            price_minor=to_minor(self.price, self.currency),
            currency=self.currency,
            overage_per_minute_micros=to_micros(self.overage_per_minute),
            billing_increment=BillingIncrement.parse(self.billing_increment),
            stripe_prices=dict(self.stripe_prices),
            active=self.active,
        )


class TenantTable(_Limited):
    """One `[tenant.SLUG]`."""

    plan: str
    name: str = ""
    email: str = ""
    address: str = ""
    contacts: tuple[str, ...] = ()
    vat_id: str = ""
    tax_exempt: bool = False
    status: Status | None = None
    accountcodes: tuple[str, ...] = ()
    dids: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    timezone: Annotated[str, AfterValidator(check_zone)] = "UTC"
    anchor_day: Annotated[int, Field(ge=1, le=31)] = 1
    mode: Mode | None = None
    demo: bool = False
    extensions: Annotated[int, Field(ge=0)] = 0

    def tenant(self, slug: str) -> Tenant:
        """The tenant that the table declares."""
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
            extensions=self.extensions,
        )


class AccountsDocument(Section):
    """The whole file."""

    plan: Mapping[Slug, PlanTable] = Field(default_factory=dict)
    tenant: Mapping[Slug, TenantTable] = Field(default_factory=dict)


def load_accounts(path: Path) -> AccountsFile:
    """Read an accounts file; raises ConfigError with every fault, its key and its line."""
    return read_accounts(read_text(path), str(path))


def read_accounts(text: str, source: str) -> AccountsFile:
    """Read the text of an accounts file; `source` is what faults name it."""
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
    )
