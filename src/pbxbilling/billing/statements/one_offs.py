"""Add one-off lines: a fee, discount or credit that an operator puts on an open statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pbxbilling.accounts.records import Act
from pbxbilling.accounts.terms.registry import require_plan
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.records import OneOffEntry
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.billing.statements.statement import ONE_OFF, LineKind
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.money import from_minor, to_minor
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import Record, nothing_more
from pbxbilling.kernel.text import check_name

_ADD = Act(AuditEvent.STATEMENT_ONE_OFF, "oneoff add")


class OneOffs:
    """Adds and lists one-off lines.

    Raises StoreError, and AdministrationError for text that is no amount.
    """

    def __init__(
        self,
        statements: Statements,
        statement_store: StatementStore,
        writer: AccountWriter,
        clock: Clock,
    ) -> None:
        self._statements = statements
        self._statement_store = statement_store
        self._writer = writer
        self._clock = clock

    @again_if_stale
    async def add(
        self,
        slug: str,
        kind: str,
        amount: str,
        reason: str,
        actor: Actor,
        month: str | None = None,
        *,
        also: Callable[[OneOffEntry], Sequence[Record]] = nothing_more,
    ) -> OneOffEntry:
        """Put a fee, discount or credit on the statement of a period not closed.

        `amount` is net, such as "5.00", in the currency of the tenant's plan; `month` None is the
        current period. To undo a line, add one in the opposite direction. `also` gives what is
        saved with it.
        """
        async with self._writer.alone:
            tenant = self._statements.tenant(slug)
            chosen = _by_hand(kind)
            currency = require_plan(self._writer.registry, tenant.plan).currency
            printed = _printed(reason)
            periods = await self._statements.open_periods(slug)
            entry = OneOffEntry(
                tenant=slug,
                number=1 + len(await self._statement_store.one_offs(slug)),
                month=periods.billable_month(month),
                kind=chosen.value,
                reason=printed,
                amount=_minor(amount, currency),
                currency=currency,
                actor=actor.name,
                at=self._clock.now(),
            )
            subject = f"tenant {slug}"
            audit = self._writer.audit(_ADD, subject, actor, None, _audited(entry), slug)
            await self._writer.write(_ADD.action, (), actor, [entry, audit, *also(entry)])
        return entry

    async def of(self, slug: str) -> list[OneOffEntry]:
        """Return a tenant's one-off lines by number."""
        self._statements.tenant(slug)
        return await self._statement_store.one_offs(slug)


def _printed(reason: str) -> str:
    """Raise AdministrationError for a reason that no line of a statement can hold."""
    if not reason.strip():
        raise AdministrationError(
            "a reason is missing: give it with --reason; it is printed on the statement"
        )
    try:
        return check_name(reason.strip())
    except ValueError as error:
        raise AdministrationError(f"the reason: {error}") from error


def _minor(amount: str, currency: str) -> int:
    """Raise AdministrationError for an amount that is none."""
    try:
        return to_minor(amount, currency)
    except ValueError as error:
        raise AdministrationError(str(error)) from error


def _by_hand(kind: str) -> LineKind:
    if kind not in {one.value for one in ONE_OFF}:
        msg = f"{kind!r}: a one-off line is a {', '.join(sorted(ONE_OFF))}"
        raise AdministrationError(msg)
    return LineKind(kind)


def _audited(entry: OneOffEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "month": entry.month,
        "kind": entry.kind,
        "amount": from_minor(entry.amount, entry.currency),
        "currency": entry.currency,
        "reason": entry.reason,
    }
