"""Accept units of usage that another program counted, each reference once."""

from __future__ import annotations

from pbxbilling.accounts.terms.registry import require_terms
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.billing.facts import UsageResult
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.kernel.audit import system
from pbxbilling.kernel.errors import NotFoundError
from pbxbilling.kernel.ports import Clock

ACTOR = system("usage")


class UnitCounter:
    """Charges units to the period in which they arrive."""

    def __init__(
        self, statement_store: StatementStore, writer: AccountWriter, clock: Clock
    ) -> None:
        self._statement_store = statement_store
        self._writer = writer
        self._clock = clock

    @again_if_stale
    async def take(self, tenant: str, meter: str, units: int, reference: str) -> UsageResult:
        """Save units and return COUNTED; KNOWN or CONFLICT where the reference was used before.

        The units are on disk when this returns.

        Holds the lock under which periods are closed, so units never arrive in a closed one.
        Raises NotFoundError where the tenant, or the meter on its plan, does not exist; StoreError.
        """
        async with self._writer.alone:
            used = UnitsUsed(reference, tenant, meter, units, self._clock.now())
            known = await self._statement_store.units(reference)
            if known is not None:
                return UsageResult.KNOWN if known.says_the_same(used) else UsageResult.CONFLICT
            self._check(tenant, meter)
            await self._writer.write(ACTOR.name, (), ACTOR, [used])
            return UsageResult.COUNTED

    def _check(self, slug: str, meter: str) -> None:
        terms = require_terms(self._writer.registry, slug)
        names = [price.meter for price in terms.plan.meters]
        if meter not in names:
            known = ", ".join(names) or "none"
            msg = f"plan {terms.plan.slug} has no meter {meter!r} (known: {known})"
            raise NotFoundError(msg)
