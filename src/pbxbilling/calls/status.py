"""Show live calls, links and loads of the running daemon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.pbx_facts import (
    JournalReadable,
    JournalUnreadable,
    LinkDown,
    LinkRetryFailed,
    LinkUp,
    PbxLetGo,
    PbxTakenUp,
    Reconciled,
)
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.live.trust import PbxTrust
from pbxbilling.calls.views import (
    BrokerView,
    CallKey,
    CallView,
    JournalState,
    OldPortView,
    PbxView,
    StatusView,
    StoreView,
    TrunkView,
    UnownedView,
)
from pbxbilling.kernel.facts import ConfigReloaded, Fact
from pbxbilling.kernel.ports import Clock

CALLS_A_PART = 512


class WriterQueue(Protocol):
    """The store writer's queue, as far as it is shown."""

    @property
    def depth(self) -> int:
        """Number of waiting records."""
        ...

    @property
    def oldest_age_s(self) -> float:
        """Age of the oldest waiting record."""
        ...

    @property
    def fault(self) -> str | None:
        """Why nothing can be written at the moment; None: it can."""
        ...

    @property
    def dropped(self) -> int:
        """Number of decisions dropped because the queue was full."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the daemon knows beyond the ledger, fetched when a status is requested.

    `heard_at`: when a PBX was last heard, by its name; `broker`: MQTT's link, None without one;
    `old_port`: the hook's port of 0.1, None where the daemon does not listen on it; `unowned`:
    what was heard without a tenant; `trunks`: those of a PBX that have a capacity.
    """

    version: str
    heard_at: Callable[[str], datetime | None]
    broker: Callable[[], BrokerView | None]
    old_port: Callable[[], OldPortView | None]
    unowned: Callable[[], UnownedView] = UnownedView
    trunks: Callable[[str], tuple[TrunkView, ...]] = lambda _: ()


class LiveStatus:
    """A view of the ledger, without effects; as a sink it remembers what only facts carry."""

    def __init__(
        self,
        engine: CallEngine,
        queue: WriterQueue,
        around: Surroundings,
        clock: Clock,
        *,
        unowned_legs: int,
    ) -> None:
        """`unowned_legs`: how many the store had before this run."""
        self._ledger = engine.ledger
        self._in_force = engine.in_force
        self._trust = engine.trust
        self._allowances = engine.allowances
        self._queue = queue
        self._around = around
        self._clock = clock
        self._since = clock.now()
        self._unowned_legs = unowned_legs
        self._config_error: str | None = None
        self._link_faults: dict[str, str] = {}
        self._journals: dict[str, JournalState] = {}
        self._handlers: Mapping[type[Any], Callable[[Any], None]] = {
            ConfigReloaded: self._config_reloaded,
            LegEnded: self._leg_ended,
            AccountsChanged: self._accounts_changed,
            LinkDown: self._link_faulty,
            LinkRetryFailed: self._link_faulty,
            LinkUp: self._link_restored,
            Reconciled: self._link_restored,
            PbxTakenUp: self._taken_up,
            PbxLetGo: self._let_go,
            JournalReadable: self._journal_readable,
            JournalUnreadable: self._journal_unreadable,
        }

    def sink(self, fact: Fact) -> None:
        """Remember what `status` shows; ignore most facts."""
        handler = self._handlers.get(type(fact))
        if handler is not None:
            handler(fact)

    def _config_reloaded(self, fact: ConfigReloaded) -> None:
        self._config_error = fact.error

    def _leg_ended(self, fact: LegEnded) -> None:
        self._unowned_legs += _is_unowned(fact.leg) - _is_unowned(fact.before)

    def _accounts_changed(self, fact: AccountsChanged) -> None:
        if fact.kind is SubjectKind.LEG:  # an unowned leg got its tenant
            self._unowned_legs = max(0, self._unowned_legs - 1)

    def _link_faulty(self, fact: LinkDown | LinkRetryFailed) -> None:
        self._link_faults[fact.pbx] = fact.reason

    def _link_restored(self, fact: LinkUp | Reconciled) -> None:
        self._link_faults.pop(fact.pbx, None)

    def _taken_up(self, fact: PbxTakenUp) -> None:
        if fact.journal:
            self._journals[fact.pbx] = JournalState.READABLE
        else:
            self._journals.pop(fact.pbx, None)

    def _let_go(self, fact: PbxLetGo) -> None:
        self._link_faults.pop(fact.pbx, None)
        self._journals.pop(fact.pbx, None)

    def _journal_readable(self, fact: JournalReadable) -> None:
        self._journals[fact.pbx] = JournalState.READABLE

    def _journal_unreadable(self, fact: JournalUnreadable) -> None:
        self._journals[fact.pbx] = JournalState.UNREADABLE

    # --- LiveView ------------------------------------------------------------------------------

    def calls(self, tenant: str | None = None, after: CallKey | None = None) -> Iterator[CallView]:
        """Yield live calls, oldest first, each viewed when it is taken; None does not filter."""
        chosen = [
            (CallKey(one.started_at, one.id), one)
            for one in self._ledger.calls.values()
            if tenant in {None, one.tenant}
        ]
        for key, call in sorted(chosen, key=lambda each: each[0]):
            if call.ended_at is None and (after is None or key > after):
                yield CallView.of(call)

    def status(self) -> StatusView:
        """Return the state of the daemon at this moment."""
        calls = Counter(call.pbx for call in self._ledger.calls.values())
        legs = (channel.trunk for channel in self._ledger.channels.values() if channel.call)
        return StatusView(
            version=self._around.version,
            mode=self._in_force.policy.mode,
            since=self._since,
            config_error=self._config_error,
            pbxes=tuple(
                self._pbx_view(link, calls[link.pbx]) for link in self._trust.links.values()
            ),
            store=StoreView(self._queue.depth, self._queue.fault, self._queue.dropped),
            tenants=len(self._in_force.registry.tenants),
            calls=len(self._ledger.calls),
            trunk_legs=sum(legs),
            unowned_legs=self._unowned_legs,
            mqtt=self._around.broker(),
            old_port=self._around.old_port(),
            unowned=self._around.unowned(),
        )

    def _pbx_view(self, link: PbxTrust, calls: int) -> PbxView:
        stale = not self._trust.trusts(link.pbx, self._clock.monotonic())
        return PbxView(
            name=link.pbx,
            connected=link.connected,
            reconciled=link.reconciled,
            stale=stale,
            heard_at=self._around.heard_at(link.pbx) or link.heard_at,
            journal=self._journals.get(link.pbx, JournalState.UNCONFIGURED),
            calls=calls,
            fault=self._link_faults.get(link.pbx),
            trunks=self._around.trunks(link.pbx),
        )

    def load(self, tenant: str) -> Load:
        """Return what the tenant holds against its limits at this moment."""
        return self._ledger.load(tenant)

    def allowance_left_s(self, tenant: str) -> float | None:
        """Return the seconds left of a hard allowance, counting live legs; None: not hard."""
        terms = self._in_force.registry.terms(tenant)
        if terms is None:
            return None
        return self._allowances.remaining_s(terms, self._clock.now(), self._clock.monotonic())

    # --- LiveFigures ---------------------------------------------------------------------------

    def loads(self) -> Iterator[Mapping[str | None, Load]]:
        """Yield all live calls by tenant, in parts; calls over the limit are shown too."""
        calls = list(self._ledger.calls.values())
        for start in range(0, len(calls), CALLS_A_PART):
            loads: dict[str | None, Load] = {}
            for call in calls[start : start + CALLS_A_PART]:
                load = loads.setdefault(call.tenant, Load())
                setattr(load, call.direction.value, getattr(load, call.direction.value) + 1)
                load.trunk_legs += sum(channel.trunk for channel in call.channels)
            yield loads

    def call_limit(self, tenant: str) -> int | None:
        """Return the `max_calls` in force for a tenant; None is unlimited."""
        terms = self._in_force.registry.terms(tenant)
        return terms.limits.max_calls if terms is not None else None

    def store_oldest_s(self) -> float:
        """Return how many seconds the oldest record has been waiting to be written."""
        return self._queue.oldest_age_s


def _is_unowned(leg: LegRecord | None) -> bool:
    return leg is not None and leg.tenant is None and leg.answered_at is not None
