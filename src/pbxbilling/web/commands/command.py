"""What a command is: a name's function, and where it can be served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pbxbilling.domain.errors import AdministrationError
from pbxbilling.domain.payment_records import InvoiceRun
from pbxbilling.ports.billing import Bills
from pbxbilling.ports.calls import CallStore
from pbxbilling.ports.core import Clock
from pbxbilling.ports.subscriptions import Mirrors
from pbxbilling.services.administer import Administration
from pbxbilling.services.administer_calls import CallAdministration
from pbxbilling.services.archive import Archive
from pbxbilling.services.compare import Comparison
from pbxbilling.services.daily import DailyCheck
from pbxbilling.services.figures import Figures
from pbxbilling.services.forget import Forgetter
from pbxbilling.services.period_changes import PeriodChanges
from pbxbilling.services.purge import Purge
from pbxbilling.services.sell import Sales
from pbxbilling.services.statements import Statements
from pbxbilling.services.subscriptions import Subscriptions
from pbxbilling.services.usage_events import UsageEvents
from pbxbilling.services.write import AccountWriter

Arguments = Mapping[str, Any]


HOW_TO_ENABLE = (
    "Stripe is not enabled, and nothing is charged: put the API key (sk_… or rk_…) into the file"
    " that stripe.secret_key_file names and the webhook's secret (whsec_…) into that of"
    " stripe.webhook_secret_files, set `enabled = true` under [stripe] in the configuration, and"
    " restart the daemon; docs/stripe.md shows it step by step"
)


@dataclass(frozen=True, slots=True)
class PaymentDesk:
    """The services that commands about payments are served with."""

    sales: Sales
    subscriptions: Subscriptions
    mirrors: Mirrors
    usage: UsageEvents
    issue_invoices: Callable[[str | None], Awaitable[list[InvoiceRun]]]


@dataclass(frozen=True, slots=True)
class BillingDesk:
    """The services that commands about statements are served with."""

    statements: Statements
    archive: Archive
    changes: PeriodChanges

    @classmethod
    def of(
        cls,
        statements: Statements,
        store: CallStore,
        bills: Bills,
        writer: AccountWriter,
        clock: Clock,
    ) -> Self:
        """All of them, over the statements of one store."""
        return cls(
            statements,
            Archive(statements, store, bills),
            PeriodChanges(statements, bills, writer, clock),
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that commands are served with; a group that needs one more adds its field.

    `payments` is None while there are no keys.
    """

    administration: Administration
    calls: CallAdministration
    daily: DailyCheck
    billing: BillingDesk
    purge: Purge
    figures: Figures
    forgetter: Forgetter
    comparison: Comparison
    payments: PaymentDesk | None = None

    @property
    def shop(self) -> PaymentDesk:
        """What sells; raises AdministrationError that says how to enable it."""
        if self.payments is None:
            raise AdministrationError(HOW_TO_ENABLE)
        return self.payments


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `serve(desk, arguments, actor)` gives its result, not yet as JSON.

    One that `needs_daemon` is refused where none runs; one that `writes` takes the database's
    lock there. One that is `about_payments` is refused without keys.
    """

    serve: Callable[[Desk, Arguments, str], Awaitable[Any]]
    needs_daemon: bool = False
    writes: bool = False
    about_payments: bool = False
