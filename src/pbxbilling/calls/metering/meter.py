"""Measure answered trunk legs, and how much of their allowance a new call may use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, Unpack

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Terms
from pbxbilling.calls.live.call import Call, Channel
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import ClockDisagreed, LegAnswered, LegEnded
from pbxbilling.calls.live.load import Breach
from pbxbilling.calls.live.records import EndWitness, LegRecord
from pbxbilling.calls.metering.allowance import Allowances
from pbxbilling.calls.metering.cut import Cutter
from pbxbilling.catalog.plan import PER_MINUTE
from pbxbilling.kernel.codes import Direction, LegDirection, Reason
from pbxbilling.kernel.numbers import number_in
from pbxbilling.kernel.period import period_at
from pbxbilling.kernel.ports import Clock, EventSink

CLOCK_TOLERANCE_S = 2.0  # a larger difference to our monotonic clock: the PBX's clock was stepped


class _Ended(TypedDict, total=False):
    ended_at: datetime
    witness: EndWitness
    gone_by: datetime | None
    talk_us: int
    billed_s: int
    allowance_s: int
    month: str


class Meter:
    """Turns legs into usage. The unit is the answered trunk leg; internal legs are never billed."""

    def __init__(
        self,
        allowances: Allowances,
        cutter: Cutter,
        in_force: InForce,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._allowances = allowances
        self._cutter = cutter
        self._in_force = in_force
        self._clock = clock
        self._emit = emit

    # --- legs ----------------------------------------------------------------------------------

    def answered(self, channel: Channel, at: datetime, mono: float) -> None:
        """Note that a trunk leg was answered: it begins to cost and to draw on the allowance."""
        self._emit(LegAnswered(at, self._record(channel)))
        self._draw(channel, at, mono)

    def ended(
        self,
        channel: Channel,
        ended_at: datetime,
        mono: float,
        witness: EndWitness,
        gone_by: datetime | None = None,
    ) -> None:
        """Measure a trunk leg that ended at `ended_at`: its first hangup request, else its hangup.

        Where neither was seen, that is its last proof of life, which reached us at `mono`, and the
        leg was gone by `gone_by`.
        """
        tenant = _owner(channel)
        talk_us = self._talk_us(channel, ended_at, mono, witness)
        ended = self._measured(
            tenant,
            _direction(channel),
            _number(channel),
            talk_us,
            ended_at,
            draws=not channel.would_be_gone(tenant),
            emergency=channel.emergency,
        )
        ended["ended_at"], ended["witness"], ended["gone_by"] = ended_at, witness, gone_by
        if channel.drawn_s is not None:  # booked already, when it would have been cut
            ended["allowance_s"] = channel.drawn_s
        leg = self._record(channel, **ended)
        self._allowances.undraw(channel)
        if channel.drawn_s is None:
            self._allowances.book(tenant, leg.month, leg.allowance_s)
        self._emit(LegEnded(ended_at, leg))
        if tenant is not None:
            self._cutter.rearm(tenant, self._clock.now(), mono)

    def recovered(
        self, leg: LegRecord, before: LegRecord | None = None, *, most_us: int | None = None
    ) -> LegRecord:
        """Measure an ended leg that only the journal knows, or knows better than `before`.

        It talked for no longer than `most_us`, where that is known. Returns the measured leg.
        """
        talk_us = 0
        if leg.answered_at is not None and leg.ended_at is not None:
            by_stamps = (leg.ended_at - leg.answered_at).total_seconds()
            talk_us = self._believed_us(leg.key, leg.ended_at, by_stamps)
        if most_us is not None:
            talk_us = min(talk_us, most_us)
        at = leg.ended_at or self._clock.now()
        measured = replace(
            leg,
            **self._measured(
                leg.tenant,
                leg.direction,
                leg.number,
                talk_us,
                at,
                draws=not leg.over_limit,
                emergency=leg.emergency,
            ),
        )
        corrects = before if before is not None and before.ended_at is not None else None
        if corrects is not None:
            self._allowances.book(corrects.tenant, corrects.month, -corrects.allowance_s)
        self._allowances.book(measured.tenant, measured.month, measured.allowance_s)
        self._emit(LegEnded(at, measured, corrects))
        return measured

    def billed_s(self, tenant: str | None, talk_us: int) -> int:
        """Return the seconds charged for so much talk, by the tenant's billing increment."""
        terms = self._in_force.registry.terms(tenant)
        increment = PER_MINUTE if terms is None else terms.plan.billing_increment
        return increment.billable_s(talk_us)

    def _talk_us(
        self, channel: Channel, ended_at: datetime, mono: float, witness: EndWitness
    ) -> int:
        """Return the talk by the PBX's timestamps, unless our monotonic clock proves them wrong.

        A leg with an end that we did not hear has talked no longer than until now; one with a
        guessed end no longer than either clock proves.
        """
        if channel.answered_at is None:
            return 0
        by_stamps = (ended_at - channel.answered_at).total_seconds()
        if channel.answered_mono is None:
            return self._believed_us(channel.key, ended_at, by_stamps)
        end_mono = channel.ending_mono if channel.ending_mono is not None else mono
        by_monotonic = end_mono - channel.answered_mono
        too_long = by_stamps - by_monotonic > CLOCK_TOLERANCE_S
        too_short = by_monotonic - by_stamps > CLOCK_TOLERANCE_S
        if too_long or (too_short and witness is EndWitness.LIVE):
            self._emit(ClockDisagreed(ended_at, channel.key, by_stamps, by_monotonic))
            return max(0, round(by_monotonic * 1_000_000))
        proven = min(by_stamps, by_monotonic) if witness.guessed else by_stamps
        return self._believed_us(channel.key, ended_at, proven)

    def _believed_us(self, key: ChannelKey, ended_at: datetime, by_stamps: float) -> int:
        """Return the talk by timestamps alone; 0 where the clock was set back."""
        if by_stamps < 0:
            self._emit(ClockDisagreed(ended_at, key, by_stamps, 0.0))
        return max(0, round(by_stamps * 1_000_000))

    def _record(self, channel: Channel, **ended: Unpack[_Ended]) -> LegRecord:
        tenant, call = _owner(channel), channel.call
        return LegRecord(
            key=channel.key,
            call=call.id if call else None,
            tenant=tenant,
            direction=_direction(channel),
            channel=channel.name,
            linkedid=channel.linkedid,
            caller=channel.caller or (call.caller if call else ""),
            number=_number(channel),
            started_at=channel.started_at,
            answered_at=channel.answered_at,
            answer_guessed=channel.answer_guessed,
            over_limit=channel.would_be_gone(tenant),
            emergency=channel.emergency,
            **ended,
        )

    def _measured(
        self,
        tenant: str | None,
        direction: LegDirection,
        number: str,
        talk_us: int,
        ended_at: datetime,
        *,
        draws: bool,
        emergency: bool,
    ) -> _Ended:
        """Return the usage for so much talk; only a leg within its limits `draws` an allowance."""
        terms = self._in_force.registry.terms(tenant)
        if terms is None:
            billed_s, allowance_s = PER_MINUTE.billable_s(talk_us), 0
            month = period_at(ended_at, self._in_force.policy.timezone).month
        else:
            billed_s, allowance_s, month = terms.usage(
                direction, number, talk_us, ended_at, counts=draws
            )
        if self._in_force.policy.is_free(emergency=emergency):
            billed_s = allowance_s = 0
        return _Ended(talk_us=talk_us, billed_s=billed_s, allowance_s=allowance_s, month=month)

    # --- allowance -----------------------------------------------------------------------------

    def breach(
        self, terms: Terms, direction: Direction, at: datetime, mono: float
    ) -> Breach | None:
        """Return the breach of a call in an included direction if a hard allowance is used up."""
        limit = terms.plan.hard_allowance_s
        if limit is None or not terms.plan.includes(direction):
            return None
        left = self._allowances.remaining_s(terms, at, mono)
        if left is None or left > 0:
            return None
        return Breach(Reason.ALLOWANCE, round(limit - left), limit)

    def max_seconds(
        self, terms: Terms | None, direction: Direction, at: datetime, mono: float
    ) -> int | None:
        """Return the seconds that an announcement may promise; None: no hard allowance applies."""
        if terms is None or terms.plan.hard_allowance_s is None:
            return None
        left = self._allowances.remaining_s(terms, at, mono)
        if left is None or not terms.plan.includes(direction):
            return None
        drawing = self._allowances.drawing.get(terms.tenant.slug)
        return max(0, int(left / ((len(drawing.legs) if drawing else 0) + 1)))

    def spare(self, channel: Channel) -> None:
        """Spare a channel that asked for an emergency number from cuts."""
        self._cutter.spare(channel)

    def owned(self, call: Call, at: datetime, mono: float) -> None:
        """Let the live legs of a call that just got its tenant draw on that tenant's allowance."""
        for channel in call.channels:
            if channel.trunk and channel.answered_at is not None:
                self._emit(LegAnswered(channel.answered_at, self._record(channel)))
                self._draw(channel, at, mono)

    def turned(self, channel: Channel, at: datetime, mono: float) -> None:
        """Record an answered leg again, and let it draw, in its other direction."""
        if channel.answered_at is not None:
            self._emit(LegAnswered(channel.answered_at, self._record(channel)))
            self._draw(channel, at, mono)

    def resume(self, channels: Iterable[Channel], at: datetime, mono: float) -> None:
        """Let answered live legs draw again after a restart."""
        for channel in channels:
            if channel.trunk and channel.answered_at is not None:
                self._draw(channel, at, mono)

    def _draw(self, channel: Channel, at: datetime, mono: float) -> None:
        self._allowances.undraw(channel)
        tenant = _owner(channel)
        terms = self._in_force.registry.terms(tenant)
        if terms is None or tenant is None or channel.would_be_gone(tenant):
            return
        if self._in_force.policy.is_free(emergency=channel.emergency):
            return
        if terms.draws(channel.direction, _number(channel), at):
            self._allowances.draw(channel, tenant)
            self._cutter.rearm(tenant, at, mono)


def _owner(channel: Channel) -> str | None:
    return channel.call.tenant if channel.call is not None else channel.owner


def _direction(channel: Channel) -> LegDirection:
    return channel.direction or LegDirection.OUTBOUND


def _number(channel: Channel) -> str:
    """Return the number of a leg, the first known of: its hook's, its call's hook's, its own.

    Else the extension at which its call, or it itself, began, where that is a number.
    """
    if channel.number:
        return channel.number
    call, inbound = channel.call, channel.direction is LegDirection.INBOUND
    asked = call is not None and call.hooked and call.direction is not Direction.INBOUND
    if channel.dialled_number and not inbound and not asked:
        return channel.dialled_number
    place = (call.number if call is not None else "") or channel.exten
    return place if inbound else number_in(place)
