"""Follow live calls by the signals of the PBXes, in the order of their arrival."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.live import signals
from pbxbilling.calls.live.call import Call, Channel
from pbxbilling.calls.live.channel import ChannelKey, ChannelState
from pbxbilling.calls.live.directions import CALLING, direction_at_birth
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.publish import publish
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.calls.live.signals import ChannelSeen, ChannelSignal
from pbxbilling.calls.metering.meter import Meter
from pbxbilling.kernel.codes import Direction, LegDirection
from pbxbilling.kernel.numbers import number_in
from pbxbilling.kernel.ports import Clock, EventSink


class Tracker:
    """Applies signals to the ledger; a repeat changes nothing, and nothing here waits."""

    def __init__(
        self, ledger: Ledger, in_force: InForce, meter: Meter, clock: Clock, emit: EventSink
    ) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._meter = meter
        self._clock = clock
        self._emit = emit
        self._handlers: Mapping[type[Any], Callable[[Any, datetime, float], None]] = {
            signals.Newchannel: self._newchannel,
            signals.Newstate: self._newstate,
            signals.DialBegin: self._dial_begin,
            signals.LocalBridge: self._local_bridge,
            signals.BridgeEnter: self._bridge_enter,
            signals.AttendedTransfer: self._attended_transfer,
            signals.AccountCode: self._account_code,
            signals.Rename: self._rename,
            signals.Hold: self._hold,
            signals.HangupRequest: self._hangup_request,
            signals.Hangup: self._hangup,
        }

    def apply(self, signal: ChannelSignal) -> None:
        """Apply one signal, at the PBX's timestamp, or now where it sends none."""
        handler = self._handlers[type(signal)]
        handler(signal, signal.at or self._clock.now(), self._clock.monotonic())
        publish(self._ledger, self._emit)

    # --- channels ------------------------------------------------------------------------------

    def seen(self, seen: ChannelSeen, at: datetime, mono: float) -> Channel | None:
        """Return the channel that a signal shows, proven alive at `at`; None if hung up already."""
        channel = self.known(seen, at, mono)
        if channel is not None:
            channel.prove(at, mono)
        return channel

    def known(self, seen: ChannelSeen, started_at: datetime, mono: float) -> Channel | None:
        """Return the channel that a signal or a listed row shows, creating a new one.

        None if it was hung up already.
        """
        channel = self._ledger.channel(seen.key, seen.name, at=started_at, mono=mono)
        if channel is None:
            return None
        if not channel.name:
            # restored from the store, which has only its key
            self._ledger.rename(channel, seen.name, started_at)
        channel.confirmed = True
        channel.misses = 0
        channel.learn(seen)
        if channel.trunk and channel.direction is None:
            channel.direction = direction_at_birth(seen)
        return channel

    def _newchannel(self, signal: signals.Newchannel, at: datetime, mono: float) -> None:
        channel = self.seen(signal.channel, at, mono)
        if channel is not None:
            channel.state = max(channel.state, signal.channel.state)
            channel.started_at = at
            channel.born = True

    def _newstate(self, signal: signals.Newstate, at: datetime, mono: float) -> None:
        channel = self.seen(signal.channel, at, mono)
        if channel is None:
            return
        channel.state = signal.channel.state
        if channel.state in CALLING and channel.came_in():
            self._meter.turned(channel, at, mono)
        if channel.state == ChannelState.UP:
            self.answered(channel, at, mono)

    def answered(self, channel: Channel, at: datetime, mono: float) -> None:
        """Note that the channel is Up: an unhooked call begins to count, a trunk leg to cost."""
        if channel.answered_at is None:
            channel.answer(at, mono)
            self._counts_from(channel, at, mono)

    def found_answered(self, channel: Channel, proof: Proof) -> None:
        """Note that the channel was listed as Up, since an unknown time: it counts from `proof`."""
        if channel.answered_at is None:
            channel.answer_by(*proof)
            self._counts_from(channel, *proof)

    def answered_earlier(self, channel: Channel, at: datetime, mono: float) -> None:
        """Note an answer at `at` that was reported later; it replaces a guessed one."""
        channel.answer_unheard(at, self._clock.now(), mono)
        self._counts_from(channel, at, mono)

    def _counts_from(self, channel: Channel, at: datetime, mono: float) -> None:
        call = self._call_of(channel, at, mono)
        if call is not None and call.answered_at is None and channel.weighs:
            call.answered_at = at
            self._ledger.note_changed(call, at)
        if call is not None and channel.given_up:  # it lives after all
            self._ledger.settle(call, at)
        if channel.trunk:
            self._meter.answered(channel, at, mono)

    def _rename(self, signal: signals.Rename, at: datetime, mono: float) -> None:
        channel = self._ledger.channels.get(signal.key)
        if channel is None:
            return
        was_trunk = channel.trunk
        channel.prove(at, mono)
        self._ledger.rename(channel, signal.name, at)
        if channel.trunk and not was_trunk and channel.answered_at is not None:
            channel.direction = channel.direction or LegDirection.OUTBOUND
            if channel.call is not None:
                self._ledger.settle(channel.call, at)
            self._meter.answered(channel, at, mono)

    def _account_code(self, signal: signals.AccountCode, at: datetime, mono: float) -> None:
        channel = self._ledger.channels.get(signal.key)
        if channel is None:
            return
        channel.prove(at, mono)
        if channel.accountcode:
            return
        channel.accountcode = signal.accountcode
        if channel.call is not None:
            self._latch(channel.call, channel, at, mono)

    def _hold(self, signal: signals.Hold, at: datetime, mono: float) -> None:
        channel = self._ledger.channels.get(signal.key)
        if channel is not None:
            channel.prove(at, mono)
            channel.held = signal.held

    def _hangup_request(self, signal: signals.HangupRequest, at: datetime, mono: float) -> None:
        channel = self._ledger.channels.get(signal.key)
        if channel is not None and channel.ending_at is None:
            channel.ending_at, channel.ending_mono = at, mono

    def _hangup(self, signal: signals.Hangup, at: datetime, mono: float) -> None:
        channel = self._ledger.channels.get(signal.key)
        if channel is not None:
            self._end(channel, channel.ending_at or at, mono, EndWitness.LIVE)

    def close(self, key: ChannelKey, ended_at: datetime, witness: EndWitness) -> bool:
        """End a channel by the hangup that `witness` saw; False where the channel is unknown."""
        channel = self._ledger.channels.get(key)
        if channel is None:
            return False
        self._end(channel, ended_at, self._clock.monotonic(), witness)
        publish(self._ledger, self._emit)
        return True

    def give_up(self, channel: Channel, witness: EndWitness, gone_by: datetime | None) -> None:
        """End a channel with an unseen hangup, at its last proof of life and no later.

        It was gone by `gone_by`; None: unknown.
        """
        if channel.call is not None:
            channel.call.estimated = True
        ended_at = channel.proven_at
        if channel.trunk and channel.confirmed:
            self._meter.ended(channel, ended_at, channel.proven_mono, witness, gone_by)
        self._ledger.remove(channel, at=ended_at, mono=self._clock.monotonic())
        publish(self._ledger, self._emit)

    def _end(self, channel: Channel, ended_at: datetime, mono: float, witness: EndWitness) -> None:
        if channel.trunk and channel.confirmed:
            self._meter.ended(channel, ended_at, mono, witness)
        self._ledger.remove(channel, at=ended_at, mono=mono)

    # --- calls ---------------------------------------------------------------------------------

    def _call_of(self, channel: Channel, at: datetime, mono: float) -> Call | None:
        """Return the call of the channel, opening an unhooked one where it has none."""
        if channel.call is None and channel.weighs and not channel.refused:
            self.open_unhooked(channel, at, mono)
        return channel.call

    def open_unhooked(self, channel: Channel, at: datetime, mono: float) -> Call:
        """Open a call for a channel without a hook."""
        inbound = channel.trunk and channel.direction is LegDirection.INBOUND
        if inbound:
            direction = Direction.INBOUND
        else:
            direction = Direction.OUTBOUND if channel.trunk else Direction.INTERNAL
        tenant = self.owner_of(channel, inbound=inbound)
        call = self._ledger.open(channel, tenant, direction, at=at, mono=mono)
        self._ledger.settle(call, at)
        return call

    def owner_of(self, channel: Channel, *, inbound: bool = False) -> str | None:
        """Return the tenant of a channel for which no hook named one."""
        return (
            channel.owner
            or self._in_force.registry.owner(
                channel.accountcode, channel.exten if inbound else "", channel.context
            )
            or self._in_force.tenant_of_pbx(channel.key.pbx)
        )

    def _latch(self, call: Call, channel: Channel, at: datetime, mono: float) -> None:
        """Give a call without a tenant the one that the channel's account code names."""
        if call.tenant is None:
            tenant = self._in_force.registry.owner(channel.accountcode)
            if tenant is not None:
                self._ledger.own(call, tenant, at)
                self._meter.owned(call, at, mono)

    def _dial_begin(self, signal: signals.DialBegin, at: datetime, mono: float) -> None:
        dialled = self.seen(signal.dialled, at, mono)
        caller = self.seen(signal.caller, at, mono) if signal.caller is not None else None
        if caller is not None and caller.born and caller.came_in():
            self._meter.turned(caller, at, mono)
        if dialled is None:
            return
        self._note_dialled(dialled, signal.number, at, mono)
        dialled.dialled_by = caller
        if caller is None:
            if dialled.call is None and not dialled.refused:
                self._give_number(self.open_unhooked(dialled, at, mono), dialled, at)
            return
        call = caller.dials_for or self._call_of(caller, at, mono)
        if call is None:
            self._dialled_by_refused(caller, dialled)
            return
        dialled.number = dialled.number or caller.dials_number
        if caller.dials_emergency:
            self._exempt(dialled)
        self._ledger.join(dialled, call, at, by=caller)
        self._goes_outside(call, dialled, at)
        self._give_number(call, dialled, at)
        self._latch(call, dialled, at, mono)

    def _note_dialled(self, dialled: Channel, number: str, at: datetime, mono: float) -> None:
        dialled.dialled = True
        dialled.dialled_number = dialled.dialled_number or number
        if dialled.lead(LegDirection.OUTBOUND):
            self._meter.turned(dialled, at, mono)

    def _give_number(self, call: Call, dialled: Channel, at: datetime) -> None:
        """Give a call that began at no number the one that its trunk leg was dialled for."""
        known = call.hooked or number_in(call.number)
        if dialled.trunk and dialled.dialled_number and not known:
            call.number = dialled.dialled_number
            self._ledger.note_changed(call, at)

    def _exempt(self, dialled: Channel) -> None:
        """Exempt an emergency leg, and what a Local pair's far end dials until its own hook."""
        dialled.emergency = True
        if dialled.peer is not None and not dialled.peer.asked:
            dialled.peer.dials_emergency = True

    def _dialled_by_refused(self, caller: Channel, dialled: Channel) -> None:
        """Mark the leg of a refused channel: it never counts, but its tenant still pays for it."""
        if dialled.call is None:
            dialled.refused = caller.refused
            dialled.owner = caller.owner

    def _goes_outside(self, call: Call, dialled: Channel, at: datetime) -> None:
        unhooked_inside = not call.hooked and call.direction is Direction.INTERNAL
        if dialled.trunk and unhooked_inside:
            self._ledger.redirect(call, Direction.OUTBOUND, at)

    def _local_bridge(self, signal: signals.LocalBridge, at: datetime, mono: float) -> None:
        one, two = self.seen(signal.one, at, mono), self.seen(signal.two, at, mono)
        if one is None or two is None:
            return
        one.pair_with(two)
        if one.call is not None:
            self._ledger.join(two, one.call, at, by=one)
        elif two.call is not None:
            self._ledger.join(one, two.call, at, by=two)

    def _bridge_enter(self, signal: signals.BridgeEnter, at: datetime, mono: float) -> None:
        channel = self.seen(signal.channel, at, mono)
        if channel is None:
            return
        channel.parked = signal.kind == "parking"
        others = self._ledger.bridges.enter(channel, signal.bridge)
        if signal.kind == "basic":
            self._talk_together(channel, others, at)
        self._call_of(channel, at, mono)

    def _talk_together(self, channel: Channel, others: list[Channel], at: datetime) -> None:
        """Make two parties in a basic bridge one call, if they are of one tenant."""
        for other in others:
            if other.call is None:
                continue
            if channel.call is None and not channel.refused:
                self._ledger.join(channel, other.call, at, by=other)
            elif channel.call is not None:
                self._ledger.merge(other.call, channel.call, at)

    def _attended_transfer(
        self, signal: signals.AttendedTransfer, at: datetime, _mono: float
    ) -> None:
        if not signal.done:
            return
        known = [self._ledger.channels.get(key) for key in signal.channels]
        calls = [channel.call for channel in known if channel is not None and channel.call]
        for call in calls[1:]:
            survivor = calls[0].merged_into or calls[0]
            self._ledger.merge(survivor, call.merged_into or call, at)
