"""The services behind the routes."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pbxbilling.accounts.administer import Administration
from pbxbilling.billing.rated_calls import RatedCalls
from pbxbilling.billing.report_units import UnitReports
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.billing.statements.lookup import StatementLookup
from pbxbilling.billing.statements.one_offs import OneOffs
from pbxbilling.billing.statements.plan_change import PlanChanges
from pbxbilling.billing.take_figures import Figures
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.identity.kept_answers import KeptAnswers
from pbxbilling.identity.people.manage_roles import Roles
from pbxbilling.identity.people.manage_users import Users
from pbxbilling.identity.people.own_account import OwnAccount
from pbxbilling.identity.tokens.manage_tokens import Tokens
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.gateway_names import HOW_TO_ENABLE
from pbxbilling.payments.compare import Comparison
from pbxbilling.payments.overview import Overview
from pbxbilling.payments.records import InvoiceRun
from pbxbilling.payments.usage_events import UsageEvents
from pbxbilling.privacy.forget import Forgetter
from pbxbilling.privacy.purge import Purge
from pbxbilling.subscriptions.adoption.adopt import Adoption
from pbxbilling.subscriptions.checkout import Checkout
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.subscriptions.manage import Subscriptions
from pbxbilling.subscriptions.ports import SubscriptionStore
from pbxbilling.web.live import LiveFeed
from pbxbilling.web.usage import UsageEndpoint


class FileKind(StrEnum):
    """The form of a file of accounts."""

    TOML = "toml"
    CSV = "csv"

    @property
    def action(self) -> str:
        """Return what the audit trail calls it to make accounts match such a file."""
        return "apply" if self is FileKind.TOML else "import"


Answer = AbstractAsyncContextManager[AsyncIterator[bytes]]  # JSON, piece by piece


class AccountFiles(Protocol):
    """Makes accounts match a file, all or nothing."""

    async def apply(self, kind: FileKind, body: AsyncIterable[bytes], actor: Actor) -> Answer:
        """Apply the file in the body of a request; return what it changes.

        Raises ServiceError for another body, and for a file with faults.
        """
        ...


@dataclass(frozen=True, slots=True)
class PaymentServices:
    """Services of the routes about payments."""

    checkout: Checkout
    subscriptions: Subscriptions
    subscription_store: SubscriptionStore
    usage: UsageEvents
    adoption: Adoption
    issue_invoices: Callable[[str | None], Awaitable[list[InvoiceRun]]]


@dataclass(frozen=True, slots=True)
class BillingServices:
    """Services of the routes about statements."""

    statements: Statements
    lookup: StatementLookup
    rated_calls: RatedCalls
    overview: Overview
    one_offs: OneOffs
    plan_changes: PlanChanges
    units: UnitReports


@dataclass(frozen=True, slots=True)
class IdentityServices:
    """Services of the routes about who acts."""

    tokens: Tokens
    users: Users
    roles: Roles
    kept_answers: KeptAnswers
    own_account: OwnAccount


@dataclass(frozen=True, slots=True)
class Services:
    """Services of all routes; a router that needs another one adds a field.

    `payments` is None while no gateway is enabled, `files`, `usage` and `live` where no daemon
    runs: then files are read in the command's own process.
    """

    administration: Administration
    calls: CallAdministration
    daily: DailyCheck
    billing: BillingServices
    purge: Purge
    figures: Figures
    forgetter: Forgetter
    comparison: Comparison
    identity: IdentityServices
    payments: PaymentServices | None = None
    files: AccountFiles | None = None
    usage: UsageEndpoint | None = None
    live: LiveFeed | None = None

    @property
    def shop(self) -> PaymentServices:
        """Return the payment services; the AdministrationError says how to enable them."""
        if self.payments is None:
            raise AdministrationError(HOW_TO_ENABLE)
        return self.payments
