"""What the running daemon shows of itself: live calls, links, loads; and releasing a slot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from pbxbilling import __version__
from pbxbilling.domain.account_facts import AccountsChanged
from pbxbilling.domain.admission import Load
from pbxbilling.domain.allowance import Allowances
from pbxbilling.domain.call import Call, Channel
from pbxbilling.domain.call_facts import LegEnded, SlotReleased
from pbxbilling.domain.channel import ChannelState
from pbxbilling.domain.daemon_facts import ConfigReloaded
from pbxbilling.domain.facts import Fact
from pbxbilling.domain.ledger import Ledger
from pbxbilling.domain.pbx_facts import (
    JournalReadable,
    JournalUnreadable,
    LinkDown,
    LinkRetryFailed,
    LinkUp,
    PbxLetGo,
    PbxTakenUp,
    Reconciled,
)
from pbxbilling.domain.records import LegAssigned, LegRecord
from pbxbilling.ports import Clock, EventSink
from pbxbilling.services.cut import Cutter
from pbxbilling.services.inforce import InForce
from pbxbilling.services.news import publish
from pbxbilling.services.trust import PbxTrust, Trust
from pbxbilling.services.views import (
    BrokerView,
    CallState,
    CallView,
    JournalState,
    LegView,
    PbxView,
    StatusView,
    StoreView,
)

CALLS_A_PART = 512
_REMEMBERED = frozenset(
    {
        AccountsChanged,
        ConfigReloaded,
        JournalReadable,
        JournalUnreadable,
        LegEnded,
        LinkDown,
        LinkRetryFailed,
        LinkUp,
        PbxLetGo,
        PbxTakenUp,
        Reconciled,
    }
)


class Queue(Protocol):
    """The writer's queue, as far as it is shown."""

    @property
    def depth(self) -> int:
        """Records that wait."""
        ...

    @property
    def oldest_age_s(self) -> float:
        """Age of the oldest one."""
        ...

    @property
    def fault(self) -> str | None:
        """Why nothing can be written at the moment."""
        ...

    @property
    def dropped(self) -> int:
        """Decisions that were given up because it was full."""
        ...


class Inspector:
    """A window on the ledger; as a sink it remembers what only facts tell."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: InForce,
        trust: Trust,
        allowances: Allowances,
        cutter: Cutter,
        queue: Queue,
        clock: Clock,
        emit: EventSink,
        *,
        heard: Callable[[str], datetime | None],
        broker: Callable[[], BrokerView | None],
        unowned_legs: int,
    ) -> None:
        """`heard`: when a PBX was last heard, by its name; `broker`: MQTT's, None without one."""
        self._ledger = ledger
        self._in_force = in_force
        self._trust = trust
        self._allowances = allowances
        self._cutter = cutter
        self._queue = queue
        self._clock = clock
        self._emit = emit
        self._heard = heard
        self._broker = broker
        self._since = clock.now()
        self._unowned_legs = unowned_legs
        self._config_error: str | None = None
        self._link_faults: dict[str, str] = {}
        self._journals: dict[str, JournalState] = {}

    def sink(self, fact: Fact) -> None:
        """Remember what `status` shows."""
        if type(fact) not in _REMEMBERED:  # most are not
            return
        match fact:
            case ConfigReloaded():
                self._config_error = fact.error
            case LegEnded():
                self._unowned_legs += _is_unowned(fact.leg) - _is_unowned(fact.before)
            case AccountsChanged():
                self._rearm(fact.subject)
            case _:
                self._note_of_pbx(fact)

    def _rearm(self, subject: str) -> None:
        """A thousand tenants that change must not order each live leg's cut a thousand times."""
        at, mono = self._clock.now(), self._clock.monotonic()
        kind, _, slug = subject.partition(" ")
        if kind == "tenant":
            self._cutter.rearm(slug, at, mono)
        else:
            self._cutter.rearm_all(at, mono)

    def _note_of_pbx(self, fact: Fact) -> None:
        match fact:
            case LinkDown() | LinkRetryFailed():
                self._link_faults[fact.pbx] = fact.reason
            case LinkUp() | Reconciled():
                self._link_faults.pop(fact.pbx, None)
            case PbxTakenUp(journal=True) | JournalReadable():
                self._journals[fact.pbx] = JournalState.READABLE
            case PbxTakenUp():
                self._journals.pop(fact.pbx, None)
            case JournalUnreadable():
                self._journals[fact.pbx] = JournalState.UNREADABLE
            case PbxLetGo():
                self._link_faults.pop(fact.pbx, None)
                self._journals.pop(fact.pbx, None)

    # --- Live ----------------------------------------------------------------------------------

    def calls(self, tenant: str | None = None) -> list[CallView]:
        """Live calls, the oldest first; None does not filter."""
        chosen = [c for c in self._ledger.calls.values() if tenant in {None, c.tenant}]
        return [call_view(call) for call in sorted(chosen, key=lambda c: c.started_at)]

    def release(self, call: str, actor: str) -> CallView | None:
        """Take the slot from one call; its channels live on and never count again."""
        found = self._ledger.find(call)
        if found is None:
            return None
        view, record, at = call_view(found), found.record(), self._clock.now()
        self._ledger.drop(found, at)
        publish(self._ledger, self._emit)
        self._emit(SlotReleased(at, actor, record))
        return view

    def status(self) -> StatusView:
        """The daemon at this moment."""
        calls = Counter(call.pbx for call in self._ledger.calls.values())
        legs = (channel.trunk for channel in self._ledger.channels.values() if channel.call)
        return StatusView(
            version=__version__,
            mode=self._in_force.policy.mode,
            since=self._since,
            config_error=self._config_error,
            pbxes=tuple(
                self._pbx_view(link, calls[link.pbx]) for link in self._trust.links.values()
            ),
            store=StoreView(self._queue.depth, self._queue.fault, self._queue.dropped),
            tenants=len(self._in_force.book.tenants),
            calls=len(self._ledger.calls),
            trunk_legs=sum(legs),
            unowned_legs=self._unowned_legs,
            mqtt=self._broker(),
        )

    def _pbx_view(self, link: PbxTrust, calls: int) -> PbxView:
        stale = not self._trust.trusts(link.pbx, self._clock.monotonic())
        return PbxView(
            name=link.pbx,
            connected=link.connected,
            reconciled=link.reconciled,
            stale=stale,
            heard_at=self._heard(link.pbx) or link.heard_at,
            journal=self._journals.get(link.pbx, JournalState.UNCONFIGURED),
            calls=calls,
            fault=self._link_faults.get(link.pbx),
        )

    def load(self, tenant: str) -> Load:
        """What the tenant holds against its limits at this moment."""
        return self._ledger.load(tenant)

    def allowance_left_s(self, tenant: str) -> float | None:
        """Seconds left of a hard allowance, live legs drawing; None for one that is not hard."""
        terms = self._in_force.book.terms(tenant)
        if terms is None:
            return None
        return self._allowances.remaining_s(terms, self._clock.now(), self._clock.monotonic())

    def assigned(self, leg: LegAssigned) -> None:
        """An ended leg was given to a tenant: its allowance is drawn on from now on."""
        self._unowned_legs = max(0, self._unowned_legs - 1)
        self._allowances.book(leg.tenant, leg.month, leg.allowance_s)
        self._cutter.rearm(leg.tenant, self._clock.now(), self._clock.monotonic())

    # --- LiveFigures ---------------------------------------------------------------------------

    def loads(self) -> Iterator[Mapping[str | None, Load]]:
        """All live calls by tenant, those over the limit too, for they are shown; in parts."""
        calls = list(self._ledger.calls.values())
        for start in range(0, len(calls), CALLS_A_PART):
            loads: dict[str | None, Load] = {}
            for call in calls[start : start + CALLS_A_PART]:
                load = loads.setdefault(call.tenant, Load())
                setattr(load, call.direction.value, getattr(load, call.direction.value) + 1)
                load.trunk_legs += sum(channel.trunk for channel in call.channels)
            yield loads

    def call_limit(self, tenant: str) -> int | None:
        """The `max_calls` in force for a tenant; None is unlimited."""
        terms = self._in_force.book.terms(tenant)
        return terms.limits.max_calls if terms is not None else None

    def store_oldest_s(self) -> float:
        """How long the oldest record has been waiting to be written."""
        return self._queue.oldest_age_s


def _is_unowned(leg: LegRecord | None) -> bool:
    return leg is not None and leg.tenant is None and leg.answered_at is not None


def call_view(call: Call) -> CallView:
    """One call as an operator sees it; Local halves weigh nothing and are left out."""
    return CallView(
        call=call.id,
        tenant=call.tenant,
        pbx=call.pbx,
        direction=call.direction,
        state=_call_state(call),
        started_at=call.started_at,
        answered_at=call.answered_at,
        caller=call.caller,
        number=call.number,
        hooked=call.hooked,
        over_limit=call.over_limit,
        emergency=call.emergency,
        estimated=call.estimated,
        legs=tuple(_leg_view(channel) for channel in call.channels if channel.weighs),
    )


def _call_state(call: Call) -> CallState:
    if any(channel.held or channel.parked for channel in call.channels):
        return CallState.HELD
    if call.answered_at is not None:
        return CallState.UP
    known = any(channel.confirmed for channel in call.channels)
    return CallState.RINGING if known else CallState.RESERVED


def _leg_view(channel: Channel) -> LegView:
    if channel.held or channel.parked:
        state = CallState.HELD
    else:
        state = CallState.UP if channel.state == ChannelState.UP else CallState.RINGING
    return LegView(channel.name, channel.key.uniqueid, channel.trunk, channel.direction, state)
