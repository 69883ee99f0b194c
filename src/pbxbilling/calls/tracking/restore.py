"""Restore live calls from the store after a restart, until the PBX reports their present state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.channel import ChannelKey, ChannelState
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.publish import discard
from pbxbilling.calls.live.records import CallRecord, LegRecord
from pbxbilling.kernel.codes import Direction, LegDirection
from pbxbilling.kernel.ports import Clock


def restore(
    ledger: Ledger,
    calls: Sequence[CallRecord],
    legs: Sequence[LegRecord],
    merges: Mapping[str, str],
    lived_at: Mapping[str, datetime],
    clock: Clock,
) -> None:
    """Put stored calls and answered legs back into the ledger, oldest first.

    Their channels count as confirmed, so one that the PBX no longer lists is closed like any other.
    `lived_at`: for each PBX, when everything open in the store was last known to be alive.
    """
    for record in sorted(calls, key=lambda c: c.started_at):
        _restore_call(ledger, record, clock)
    ledger.aliases.update({young: old for young, old in merges.items() if old in ledger.calls})
    for leg in legs:
        _restore_leg(ledger, leg, clock)
    for channel in ledger.channels.values():
        began = channel.answered_at or channel.started_at
        channel.prove(max(began, lived_at.get(channel.key.pbx, began)), clock.monotonic())
    discard(ledger)


def _restore_call(ledger: Ledger, record: CallRecord, clock: Clock) -> None:
    mono = clock.monotonic() - (clock.now() - record.started_at).total_seconds()
    asker = _placeholder(ledger, ChannelKey(record.pbx, record.asker), record, clock)
    if asker is None:
        return
    call = ledger.open(
        asker,
        record.tenant,
        record.direction,
        at=record.started_at,
        mono=mono,
        call_id=record.call,
        hooked=record.hooked,
        emergency=record.emergency,
        number=record.number,
    )
    call.caller, call.answered_at = record.caller, record.answered_at
    call.origin = record.origin or call.origin
    if record.over_limit and record.tenant is not None:
        asker.over_limit_for |= {record.tenant}
    if record.origin and record.origin != record.asker:
        origin = _placeholder(ledger, ChannelKey(record.pbx, record.origin), record, clock)
        if origin is not None:
            ledger.join(origin, call, record.started_at)
    ledger.settle(call, record.started_at)


def _restore_leg(ledger: Ledger, leg: LegRecord, clock: Clock) -> None:
    channel = ledger.channel(leg.key, leg.channel, at=leg.started_at, mono=clock.monotonic())
    if channel is None:
        return
    channel.rename(leg.channel, trunk=True)
    channel.confirmed = True
    channel.state = ChannelState.UP
    channel.direction = leg.direction
    channel.linkedid, channel.caller, channel.owner = leg.linkedid, leg.caller, leg.tenant
    channel.number, channel.emergency = leg.number, leg.emergency
    if leg.answered_at is not None:
        channel.answer_unheard(leg.answered_at, clock.now(), clock.monotonic())
        channel.answer_guessed = leg.answer_guessed
    call = ledger.find(leg.call) if leg.call is not None else None
    if call is not None and channel.call is None:
        ledger.join(channel, call, leg.started_at)
    if call is not None:
        ledger.settle(call, leg.started_at)


def _placeholder(
    ledger: Ledger, key: ChannelKey, record: CallRecord, clock: Clock
) -> Channel | None:
    channel = ledger.channel(key, "", at=record.started_at, mono=clock.monotonic())
    if channel is not None:
        channel.confirmed = True
        if record.direction is Direction.INBOUND:
            # set now: it may have been answered meanwhile, and its state then hides the direction
            channel.direction = LegDirection.INBOUND
        channel.linkedid = channel.linkedid or record.linkedid
    return channel
