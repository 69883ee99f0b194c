"""The figures of the business, read from the book and the store."""

from __future__ import annotations

from collections.abc import Callable

from pbxbilling.domain.billing_facts import StatementSaved
from pbxbilling.domain.book import AccountBook
from pbxbilling.domain.facts import AccountsChanged, Fact, StandingChanged
from pbxbilling.domain.figures import FiguresTaken, figures
from pbxbilling.domain.gateway_facts import LetterTaken
from pbxbilling.domain.period import Period, period_at, period_of
from pbxbilling.domain.policy import Policy
from pbxbilling.domain.standing import Status
from pbxbilling.domain.subscription import Invoice
from pbxbilling.ports import Bills, Clock, Mirrors

_INVOICES = 12  # of a tenant that is past due, the newest: the gateway gives up much earlier


def moves_figures(fact: Fact) -> bool:
    """Whether the figures may be others since this happened."""
    return isinstance(fact, AccountsChanged | StandingChanged | StatementSaved | LetterTaken)


class Figures:
    """Works them out when asked. Raises StoreError."""

    def __init__(
        self,
        book: AccountBook,
        mirrors: Mirrors,
        bills: Bills,
        clock: Clock,
        policy: Callable[[], Policy],
    ) -> None:
        self._book = book
        self._mirrors = mirrors
        self._bills = bills
        self._clock = clock
        self._policy = policy

    async def take(self, month: str | None = None) -> FiguresTaken:
        """The figures of now, and of a calendar month where the provider is; None is this one."""
        policy, at = self._policy(), self._clock.now()
        asked = self._month(month)
        subscriptions = {one.id: one for one in await self._mirrors.subscriptions()}
        currencies = figures(
            asked,
            at,
            self._book.tenants.values(),
            self._book.plans,
            subscriptions,
            await self._unpaid(),
            await self._bills.charged(asked.month),
            policy.grace_days,
        )
        return FiguresTaken(at, asked.month, currencies)

    def _month(self, month: str | None) -> Period:
        timezone = self._policy().timezone
        return period_of(month, timezone) if month else period_at(self._clock.now(), timezone)

    async def _unpaid(self) -> list[Invoice]:
        owing = [
            one.slug
            for one in self._book.tenants.values()
            if one.status is Status.PAST_DUE and not one.demo
        ]
        return [
            invoice
            for slug in owing
            for invoice in await self._mirrors.invoices(tenant=slug, limit=_INVOICES)
        ]
