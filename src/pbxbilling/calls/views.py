"""What an operator sees of the running daemon: plain values, the same for every face."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pbxbilling.calls.live.call import Call, Channel
from pbxbilling.calls.live.channel import ChannelState
from pbxbilling.kernel.codes import Direction, LegDirection, Mode


class CallState(StrEnum):
    """State of a call or a leg; only a call can be `reserved`."""

    RESERVED = "reserved"  # admitted by its hook, no channel is known yet
    RINGING = "ringing"
    UP = "up"
    HELD = "held"  # parked or on hold


class CallKey(NamedTuple):
    """The place of a live call in lists: the oldest first, ties by id."""

    started_at: datetime
    call: str


@dataclass(frozen=True, slots=True)
class LegView:
    """One channel of a call; `direction` None for an internal leg."""

    channel: str
    uniqueid: str
    trunk: bool
    direction: LegDirection | None
    state: CallState


@dataclass(frozen=True, slots=True)
class CallView:
    """One live call: which tenant holds the slot, since when, and why it counts."""

    call: str
    tenant: str | None
    pbx: str
    direction: Direction
    state: CallState
    started_at: datetime
    answered_at: datetime | None
    caller: str
    number: str
    hooked: bool
    over_limit: bool
    emergency: bool
    estimated: bool
    legs: tuple[LegView, ...]

    @classmethod
    def of(cls, call: Call) -> CallView:
        """Build the view of a call, without channels that weigh nothing, such as Local halves."""
        return cls(
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
            emergency=call.emergency or any(channel.emergency for channel in call.channels),
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


class JournalState(StrEnum):
    """Whether a PBX's own journal can recover what is not seen live."""

    UNCONFIGURED = "unconfigured"
    READABLE = "readable"
    UNREADABLE = "unreadable"


NEARLY_FULL_PERCENT = 80


@dataclass(frozen=True, slots=True)
class TrunkView:
    """A trunk with a capacity: its live legs, whoever's they are, and the channels that it has."""

    trunk: str
    used: int
    channels: int

    @property
    def nearly_full(self) -> bool:
        """Whether at least 80 % of its channels are in use."""
        return 100 * self.used >= NEARLY_FULL_PERCENT * self.channels


@dataclass(frozen=True, slots=True)
class PbxView:
    """One PBX, and whether its counts can be trusted; `fault`: why its link or counts are not good.

    `stale`: its counts are not trusted, as it was never reconciled, or events may have been
    missing for longer than `ami.stale_s`. `heard_at` is its last proof of life. `trunks`: those
    with `trunk_channels`.
    """

    name: str
    connected: bool
    reconciled: bool
    stale: bool
    heard_at: datetime | None
    journal: JournalState
    calls: int
    fault: str | None = None
    trunks: tuple[TrunkView, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether its calls are judged on true counts."""
        return self.reconciled and not self.stale


@dataclass(frozen=True, slots=True)
class StoreView:
    """The store's writer: waiting records, and the error because of which it retries, if any.

    `dropped` counts the decisions dropped since the start because the queue was full.
    """

    pending: int
    fault: str | None = None
    dropped: int = 0

    @property
    def ready(self) -> bool:
        """Whether records become durable."""
        return self.fault is None


@dataclass(frozen=True, slots=True)
class BrokerView:
    """The MQTT broker: events queued for it, and those dropped since the start."""

    broker: str
    connected: bool
    queued: int
    dropped: int
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class OldPortView:
    """The port of 0.1, for this release: hooks received there, and the address to use instead.

    `listening` is False where another program has the port.
    """

    address: str
    listening: bool
    hooks: int
    instead: str


@dataclass(frozen=True, slots=True)
class UnownedView:
    """Hooks without a tenant, since the start and in the last day, and what they were known by.

    `accountcodes` and `dids` of the last day (since the start at most) that no tenant has now, the
    most frequent first; of hooks and of legs without a hook.
    """

    hooks: int = 0
    hooks_of_a_day: int = 0
    accountcodes: tuple[str, ...] = ()
    dids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusView:
    """The daemon at a glance. `config_error`: why a reload failed; the last good one still holds.

    `mqtt` is None where it is not enabled, `old_port` None where `agi.listen` is set.
    """

    version: str
    mode: Mode
    since: datetime
    config_error: str | None
    pbxes: tuple[PbxView, ...]
    store: StoreView
    tenants: int
    calls: int
    trunk_legs: int
    unowned_legs: int
    mqtt: BrokerView | None = None
    old_port: OldPortView | None = None
    unowned: UnownedView = UnownedView()

    @property
    def ready(self) -> bool:
        """Whether every PBX is reconciled and not stale, and records become durable."""
        return self.store.ready and all(pbx.ready for pbx in self.pbxes)
