"""Measure answered trunk legs, and guard the allowances that they use up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypedDict, Unpack

from pbxbilling.domain.admission import Breach, Direction, Mode, Reason
from pbxbilling.domain.book import Terms
from pbxbilling.domain.call import Call, Channel
from pbxbilling.domain.channel import ChannelKey, LegDirection
from pbxbilling.domain.facts import ClockDisagreed, CutArmed, LegAnswered, LegEnded, WouldCut
from pbxbilling.domain.ledger import Ledger
from pbxbilling.domain.period import period_at
from pbxbilling.domain.plan import PER_MINUTE, BillingIncrement
from pbxbilling.domain.records import EndWitness, LegAssigned, LegRecord, UsageRow
from pbxbilling.domain.tenant import Tenant
from pbxbilling.ports import Clock, EventSink
from pbxbilling.services.inforce import InForce
from pbxbilling.services.trust import Trust

CLOCK_TOLERANCE_S = 2.0  # a PBX whose stamps differ from our monotonic clock by more has stepped
RETRY_S = 1.0  # a leg that lives so long after its cut is ordered to end again

Cut = Callable[[Channel, float], None]  # hang up so many seconds from now; must not wait


@dataclass(slots=True)
class Drawing:
    """A tenant's live legs that use its allowance, and when they will have used it up."""

    legs: dict[Channel, None] = field(default_factory=dict)
    empty_mono: float | None = None
    renewed_at: datetime | None = None


class _Ended(TypedDict, total=False):
    ended_at: datetime
    witness: EndWitness
    talk_us: int
    billed_s: int
    allowance_s: int
    month: str


class Meter:
    """Turns legs into usage. The unit is the answered trunk leg; internal legs are never billed."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: InForce,
        trust: Trust,
        clock: Clock,
        emit: EventSink,
        cut: Cut,
    ) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._trust = trust
        self._clock = clock
        self._emit = emit
        self._cut = cut
        self._used_s: dict[tuple[str, str], int] = {}  # (tenant, month) → allowance drawn
        self._drawing: dict[str, Drawing] = {}

    # --- legs ----------------------------------------------------------------------------------

    def answered(self, channel: Channel, at: datetime, mono: float) -> None:
        """A trunk leg was answered: it begins to cost, and to draw on the allowance."""
        self._emit(LegAnswered(at, self._record(channel)))
        self._draw(channel, at, mono)

    def ended(self, channel: Channel, ended_at: datetime, mono: float, witness: EndWitness) -> None:
        """A trunk leg ended: `ended_at` is its first hangup request, else its hangup."""
        tenant = _owner(channel)
        talk_us = self._talk_us(channel, ended_at, mono, witness)
        ended = self._measured(
            tenant,
            _direction(channel),
            _number(channel),
            talk_us,
            ended_at,
            draws=not channel.would_be_gone(tenant),
        )
        ended["ended_at"], ended["witness"] = ended_at, witness
        if channel.drawn_s is not None:  # booked already, when it would have been cut
            ended["allowance_s"] = channel.drawn_s
        leg = self._record(channel, **ended)
        self._undraw(channel)
        if channel.drawn_s is None:
            self._book(leg)
        self._emit(LegEnded(ended_at, leg))
        if tenant is not None:
            self.rearm(tenant, self._clock.now(), mono)

    def recovered(self, leg: LegRecord, before: LegRecord | None = None) -> LegRecord:
        """An ended leg that only the journal knows (or knows better than `before`) is measured."""
        talk_us = 0
        if leg.answered_at is not None and leg.ended_at is not None:
            by_stamps = (leg.ended_at - leg.answered_at).total_seconds()
            talk_us = self._believed_us(leg.key, leg.ended_at, by_stamps)
        at = leg.ended_at or self._clock.now()
        measured = replace(
            leg,
            **self._measured(
                leg.tenant, leg.direction, leg.number, talk_us, at, draws=not leg.over_limit
            ),
        )
        corrects = before if before is not None and before.ended_at is not None else None
        if corrects is not None:
            self._book(corrects, sign=-1)
        self._book(measured)
        self._emit(LegEnded(at, measured, corrects))
        return measured

    def _talk_us(
        self, channel: Channel, ended_at: datetime, mono: float, witness: EndWitness
    ) -> int:
        """Talk by the PBX's stamps, where our monotonic clock does not prove them wrong.

        A leg whose end we did not hear has talked for no longer than until now.
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
        return self._believed_us(channel.key, ended_at, by_stamps)

    def _believed_us(self, key: ChannelKey, ended_at: datetime, by_stamps: float) -> int:
        """Talk by stamps alone; of a clock that was set back nothing can be believed."""
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
            over_limit=channel.would_be_gone(tenant),
            emergency=bool(call and call.emergency),
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
    ) -> _Ended:
        """What talking so long comes to; only a leg within the limits `draws` on an allowance."""
        terms = self._in_force.book.terms(tenant)
        if terms is None:
            billed_s, allowance_s = PER_MINUTE.billable_s(talk_us), 0
            month = self._month(terms, ended_at)
        else:
            billed_s, allowance_s, month = terms.usage(
                direction, number, talk_us, ended_at, counts=draws
            )
        return _Ended(talk_us=talk_us, billed_s=billed_s, allowance_s=allowance_s, month=month)

    def _month(self, terms: Terms | None, at: datetime) -> str:
        if terms is not None:
            return terms.tenant.period_at(at).month
        return period_at(at, self._in_force.policy.timezone).month

    # --- allowance -----------------------------------------------------------------------------

    def load(self, rows: Iterable[UsageRow]) -> None:
        """Begin with what the store says was drawn."""
        for row in rows:
            if row.tenant is not None:
                key = (row.tenant, row.month)
                self._used_s[key] = self._used_s.get(key, 0) + row.allowance_s

    def assigned(self, leg: LegAssigned) -> None:
        """A leg of nobody was given to a tenant: it draws on its allowance from now on."""
        key = (leg.tenant, leg.month)
        self._used_s[key] = self._used_s.get(key, 0) + leg.allowance_s
        self.rearm(leg.tenant, self._clock.now(), self._clock.monotonic())

    def _book(self, leg: LegRecord, sign: int = 1) -> None:
        if leg.tenant is not None and leg.month is not None and leg.allowance_s:
            key = (leg.tenant, leg.month)
            self._used_s[key] = self._used_s.get(key, 0) + sign * leg.allowance_s

    def drawn_s(self, tenant: Tenant, at: datetime) -> int:
        """Seconds that ended legs have drawn of the allowance, in the tenant's month of `at`."""
        return self._used_s.get((tenant.slug, tenant.period_at(at).month), 0)

    def remaining_s(self, terms: Terms, at: datetime, mono: float) -> float | None:
        """Seconds left of a hard allowance, live legs drawing second by second; None: not hard."""
        if not terms.plan.blocks_when_used_up:
            return None
        tenant = terms.tenant
        left = float((terms.plan.included_minutes or 0) * 60)
        left -= self.drawn_s(tenant, at)
        drawing = self._drawing.get(tenant.slug)
        if drawing is not None:
            left -= sum(_talking_s(leg, mono) for leg in drawing.legs)
        return left

    def breach(
        self, terms: Terms, direction: Direction, at: datetime, mono: float
    ) -> Breach | None:
        """The breach of a call in an included direction when nothing is left."""
        if not terms.plan.blocks_when_used_up or not terms.plan.includes(direction):
            return None
        left = self.remaining_s(terms, at, mono)
        if left is None or left > 0:
            return None
        limit = (terms.plan.included_minutes or 0) * 60
        return Breach(Reason.ALLOWANCE, round(limit - left), limit)

    def max_seconds(
        self, terms: Terms | None, direction: Direction, at: datetime, mono: float
    ) -> int | None:
        """What an announcement may promise; None where no hard allowance limits the call."""
        if terms is None or not terms.plan.blocks_when_used_up:
            return None
        left = self.remaining_s(terms, at, mono)
        if left is None or not terms.plan.includes(direction):
            return None
        drawing = self._drawing.get(terms.tenant.slug)
        return max(0, int(left / ((len(drawing.legs) if drawing else 0) + 1)))

    def owned(self, call: Call, at: datetime, mono: float) -> None:
        """A call of nobody got its tenant: its live legs draw on that allowance from now on."""
        for channel in call.channels:
            if channel.trunk and channel.answered_at is not None:
                self._emit(LegAnswered(channel.answered_at, self._record(channel)))
                self._draw(channel, at, mono)

    def _draw(self, channel: Channel, at: datetime, mono: float) -> None:
        self._undraw(channel)
        tenant = _owner(channel)
        terms = self._in_force.book.terms(tenant)
        if terms is None or tenant is None or channel.would_be_gone(tenant):
            return
        if not terms.draws(channel.direction, _number(channel), at):
            return
        self._drawing.setdefault(tenant, Drawing()).legs[channel] = None
        channel.drawing_for = tenant
        self.rearm(tenant, at, mono)

    def resume(self, at: datetime, mono: float) -> None:
        """After a restart: live answered legs draw on."""
        for channel in self._ledger.channels.values():
            if channel.trunk and channel.answered_at is not None:
                self._draw(channel, at, mono)

    def _undraw(self, channel: Channel) -> None:
        tenant, channel.drawing_for = channel.drawing_for, None
        drawing = self._drawing.get(tenant) if tenant is not None else None
        if tenant is None or drawing is None:
            return
        drawing.legs.pop(channel, None)
        if not drawing.legs:
            del self._drawing[tenant]

    def rearm(self, tenant: str, at: datetime, mono: float) -> None:
        """Order the live legs of a hard allowance to end when, together, they have used it up."""
        drawing, terms = self._drawing.get(tenant), self._in_force.book.terms(tenant)
        if drawing is None or terms is None:
            return
        left = self.remaining_s(terms, at, mono)
        if left is None:
            self._disarm(drawing)
            return
        in_s = max(0.0, left) / len(drawing.legs)
        drawing.empty_mono = mono + in_s
        drawing.renewed_at = terms.tenant.period_at(at).ends
        if self._in_force.mode_of(tenant) is not Mode.ENFORCE:
            return
        for leg in drawing.legs:
            if self._may_cut(leg, mono):
                self._emit(CutArmed(at, tenant, leg.key, in_s))
                self._cut(leg, in_s)

    def _may_cut(self, leg: Channel, mono: float) -> bool:
        emergency = leg.call is not None and leg.call.emergency
        return not emergency and self._trust.trusts(leg.key.pbx, mono)

    def _disarm(self, drawing: Drawing) -> None:
        """The allowance is no longer hard: an order that Asterisk holds is put off for a year."""
        if drawing.empty_mono is not None:
            drawing.empty_mono = None
            for leg in drawing.legs:
                self._cut(leg, 365 * 86_400.0)

    def tick(self, at: datetime, mono: float) -> None:
        """Look after hard allowances: renewed periods, legs that outlive their cut, log mode."""
        for tenant, drawing in list(self._drawing.items()):
            if drawing.empty_mono is None:
                continue
            if drawing.renewed_at is not None and at >= drawing.renewed_at:
                self.rearm(tenant, at, mono)
            elif mono >= drawing.empty_mono and self._in_force.mode_of(tenant) is Mode.LOG:
                self._would_cut(tenant, drawing, at, mono)
            elif mono >= drawing.empty_mono + RETRY_S:
                self.rearm(tenant, at, mono)

    def _would_cut(self, tenant: str, drawing: Drawing, at: datetime, mono: float) -> None:
        """Enforce mode would have ended these legs: from here on they weigh and draw nothing."""
        terms = self._in_force.book.terms(tenant)
        for leg in list(drawing.legs):
            call = leg.call
            if call is not None and call.emergency:
                continue
            talk_us = round(_talking_s(leg, mono) * 1_000_000)
            leg.drawn_s = _increment(terms).billable_s(talk_us)
            key = (tenant, self._month(terms, at))
            self._undraw(leg)
            self._emit(WouldCut(at, tenant, leg.key, call.id if call else None))
            leg.over_limit_for |= {tenant}
            if call is not None:
                for channel in call.channels:
                    channel.over_limit_for |= {tenant}
                self._ledger.settle(call, at)
            self._used_s[key] = self._used_s.get(key, 0) + leg.drawn_s

    def rearm_all(self, at: datetime, mono: float) -> None:
        """Plans, modes or links changed."""
        for tenant in self.drawing():
            self.rearm(tenant, at, mono)

    def drawing(self) -> list[str]:
        """Tenants of whom a live leg draws on an allowance."""
        return list(self._drawing)


def _owner(channel: Channel) -> str | None:
    return channel.call.tenant if channel.call is not None else channel.owner


def _direction(channel: Channel) -> LegDirection:
    return channel.direction or LegDirection.OUTBOUND


def _number(channel: Channel) -> str:
    """What a leg was dialled for, else what its call was."""
    return channel.number or (channel.call.number if channel.call else "") or channel.exten


def _increment(terms: Terms | None) -> BillingIncrement:
    return terms.plan.billing_increment if terms is not None else PER_MINUTE


def _talking_s(leg: Channel, mono: float) -> float:
    return max(0.0, mono - leg.talks_since_mono) if leg.answered_at is not None else 0.0
