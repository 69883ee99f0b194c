"""Adopt channels that a PBX lists but the ledger lacks, with what they inherited of a call."""

from __future__ import annotations

from datetime import datetime, timedelta

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.channel import ChannelState, Inherited
from pbxbilling.calls.live.directions import direction_of_listed, is_dialled_by
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.publish import publish
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.calls.tracking.track import Tracker
from pbxbilling.kernel.codes import Direction, LegDirection
from pbxbilling.kernel.ports import Clock, EventSink

_DIRECTIONS = frozenset(Direction)


class Adopter:
    """Applies listed rows to the ledger; a repeat changes nothing, and nothing here waits."""

    def __init__(
        self, ledger: Ledger, in_force: InForce, tracker: Tracker, clock: Clock, emit: EventSink
    ) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._tracker = tracker
        self._clock = clock
        self._emit = emit

    def adopt(self, row: ChannelSeen, asked: Proof) -> Channel | None:
        """Adopt or complete a listed channel; None if it was hung up already.

        The PBX listed it after the request `asked`, so it was alive at that moment.
        """
        mono, at = self._clock.monotonic(), asked.at - timedelta(seconds=row.age_s)
        known = row.key in self._ledger.channels
        channel = self._tracker.known(row, at, mono)
        if channel is None:
            return None
        if not known and channel.trunk:
            channel.direction = direction_of_listed(row)
            channel.dialled = is_dialled_by(row.application)
        if known:
            channel.prove(*asked)
        else:
            channel.proven_at, channel.proven_mono = asked
        channel.state = row.state
        if not known:
            self._adopt_into_call(channel, row, at, mono)
        if row.bridge and channel.bridge != row.bridge:
            self._ledger.bridges.enter(channel, row.bridge)
        if row.state == ChannelState.UP and channel.answered_at is None:
            self._tracker.found_answered(channel, asked)
        publish(self._ledger, self._emit)
        return channel

    def _adopt_into_call(
        self, channel: Channel, row: ChannelSeen, at: datetime, mono: float
    ) -> None:
        inherited = Inherited.parse(row.inherited)
        tenant = self._named(inherited)
        if inherited is not None and "emergency" in inherited.flags:
            channel.emergency = channel.direction is not LegDirection.INBOUND
            channel.dials_emergency = True
        if inherited is not None and inherited.call:
            call = self._ledger.find(inherited.call)
        else:
            call = self._ledger.under_linkedid(row.key.pbx, row.linkedid, tenant)
        if call is not None:
            self._ledger.join(channel, call, at)
            return
        if inherited is None:
            return
        direction = _direction(inherited)
        if tenant is None:
            tenant = self._tracker.owner_of(channel, inbound=direction is Direction.INBOUND)
        if "over_limit" in inherited.flags and tenant is not None:
            channel.over_limit_for |= {tenant}
        call = self._ledger.open(
            channel,
            tenant,
            direction,
            at=at,
            mono=mono,
            call_id=inherited.call or None,  # empty where the dialplan's fallback admitted it
            hooked=True,
            emergency="emergency" in inherited.flags,
        )
        self._ledger.settle(call, at)

    def _named(self, inherited: Inherited | None) -> str | None:
        """Return the tenant that the channel's variable names; None if there is no such tenant."""
        return self._in_force.registry.named(inherited.tenant) if inherited is not None else None


def _direction(inherited: Inherited) -> Direction:
    """Return the variable's direction, or outbound: another version may have had other values."""
    known = inherited.direction in _DIRECTIONS
    return Direction(inherited.direction) if known else Direction.OUTBOUND
