"""The operator's commands on live calls, on decisions and on single tenants."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from pbxbilling.accounts.file_format import as_written
from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin
from pbxbilling.accounts.ports import AccountStore
from pbxbilling.accounts.records import Act, AuditRecord
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import require_tenant, require_terms
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.live.records import DecisionQuery, DecisionRow
from pbxbilling.calls.ports import CallStore, Live
from pbxbilling.calls.tenant_reports import TenantReport, TenantReporter
from pbxbilling.calls.usage import CallUsage
from pbxbilling.calls.usage_report import UsageReport
from pbxbilling.calls.views import CallKey, CallView, StatusView
from pbxbilling.catalog.plan import Limits
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import NeedsDaemonError, NotFoundError
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.background import Rest, in_parts, no_rest

_RELEASE = Act(AuditEvent.CALL_RELEASED, "release")


@dataclass(frozen=True, slots=True)
class TenantDetail:
    """All about one tenant: `settings` by the accounts file's keys, `limits` those in force.

    `origins` say where each key was set last; a key without one was set by the file.
    """

    tenant: TenantReport
    settings: dict[str, Any]
    limits: Limits
    usage: UsageReport
    audit: tuple[AuditRecord, ...]
    origins: tuple[KeyOrigin, ...]


@dataclass(frozen=True, slots=True)
class LimitView:
    """A limit, and what is held of it at this moment; `limit` None is unlimited."""

    current: int
    limit: int | None

    @property
    def remaining(self) -> int | None:
        """Return how many more there may be; None: any number."""
        return None if self.limit is None else max(0, self.limit - self.current)

    @property
    def allowed(self) -> bool:
        """Return whether there may be one more."""
        return self.remaining is None or self.remaining > 0


class CallAdministration:
    """The commands. `live` is None where no daemon runs: records can still be served.

    `rest` lets calls be judged in the middle of long lists. Methods raise StoreError where the
    database cannot serve.
    """

    def __init__(
        self,
        accounts: AccountStore,
        calls: CallStore,
        writer: AccountWriter,
        clock: Clock,
        in_force: InForce,
        live: Live | None = None,
        rest: Rest = no_rest,
    ) -> None:
        self._accounts = accounts
        self._calls = calls
        self._writer = writer
        self._registry = writer.registry
        self._live = live
        self._rest = rest
        view = live.view if live is not None else None
        self.reports = TenantReporter(calls, in_force, clock, view, rest)
        self.usage = CallUsage(calls, writer, clock, in_force, live, rest)

    async def release(self, call: str, actor: Actor) -> CallView:
        """Release the slot of one live call and return its last view; the call itself goes on."""
        live = self._running("release")
        released = live.release(call, actor)
        if released is None:
            msg = f"call {call!r} is not live; `pbxbilling calls` lists those that are"
            raise NotFoundError(msg)
        held = {"tenant": released.tenant, "state": released.state.value}
        subject, tenant = f"call {call}", released.tenant
        row = self._writer.audit(_RELEASE, subject, actor, held, None, tenant)
        await self._calls.commit([row])
        return released

    async def calls(
        self, tenant: str | None = None, after: CallKey | None = None, limit: int | None = None
    ) -> list[CallView]:
        """Return live calls, the oldest first: `limit` of those that follow a place."""
        if tenant is not None:
            require_tenant(self._registry, tenant)
        found = self._running("calls").view.calls(tenant, after)
        return await in_parts(islice(found, limit), self._rest)

    def status(self) -> StatusView:
        """Return the state of the daemon at this moment."""
        return self._running("status").view.status()

    async def tenants(self, after: str | None, limit: int) -> list[TenantReport]:
        """Return reports of tenants by slug: so many after a slug, or (None) the first."""
        return await self.reports.some(after, limit)

    async def limits(self, slug: str) -> dict[str, LimitView]:
        """Return a tenant's limits of calls and legs, by name, against what it holds now."""
        terms = require_terms(self._registry, slug)
        load, plan = self._running("limits").view.load(slug), terms.plan
        held = {
            "max_calls": load.calls(count_internal=plan.count_internal),
            "max_outbound_calls": load.leading_outside,
            "max_inbound_calls": load.inbound,
            "max_trunk_legs": load.trunk_legs,
        }
        return {name: LimitView(now, getattr(terms.limits, name)) for name, now in held.items()}

    async def tenant(self, slug: str) -> TenantDetail:
        """Return all about one tenant, with this period's usage and its last ten audit records."""
        tenant = require_tenant(self._registry, slug)
        terms = self._registry.terms(slug)
        (usage,) = await self.usage.report(slug, None)
        return TenantDetail(
            tenant=await self.reports.report(tenant),
            settings=as_written(tenant),
            limits=terms.limits if terms else Limits(),
            usage=usage,
            audit=tuple(await self._accounts.audit(subject=f"tenant {slug}", limit=10)),
            origins=tuple(await self._accounts.key_origins(AccountKind.TENANT, slug)),
        )

    async def decisions(self, wanted: DecisionQuery) -> list[DecisionRow]:
        """Return admission decisions, the newest first."""
        if wanted.tenant is not None:
            require_tenant(self._registry, wanted.tenant)
        return await self._calls.decisions(wanted)

    def _running(self, command: str) -> Live:
        if self._live is None:
            msg = (
                f"{command} needs the daemon, which does not run: start it with `systemctl start"
                " pbxbilling`"
            )
            raise NeedsDaemonError(msg)
        return self._live
