"""Compare one leg of the journal with what is known of it, and correct the difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.journal.journal import JournalLeg, JournalWitness, OwnerHints
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.channel import ChannelKey, ChannelState
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.pbx_facts import Corrected, CorrectionKind, JournalDisagreed
from pbxbilling.calls.live.publish import publish
from pbxbilling.calls.live.records import EndWitness, LegRecord
from pbxbilling.calls.metering.cut import Cutter
from pbxbilling.calls.metering.meter import Meter
from pbxbilling.calls.tracking.track import Tracker
from pbxbilling.kernel.codes import Direction, LegDirection
from pbxbilling.kernel.ports import Clock, EventSink

AGREEMENT_S = 0.1  # ends that differ by more are counted
ROUNDED = timedelta(seconds=1)  # by how much less than that a time in whole seconds is early
SAME_CLOCK = timedelta(seconds=2)  # answers that differ by more come from two clocks


class Settler:
    """Settles legs. Nothing here waits, so the ledger cannot change between look and settlement."""

    def __init__(
        self,
        ledger: Ledger,
        tracker: Tracker,
        meter: Meter,
        cutter: Cutter,
        in_force: InForce,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self.ledger = ledger
        self._tracker = tracker
        self._meter = meter
        self._cutter = cutter
        self._in_force = in_force
        self._clock = clock
        self._emit = emit

    def settle(self, leg: JournalLeg, known: LegRecord | None) -> None:
        """Settle a leg that ended; `known` is what the store has of it.

        An estimated end closes nothing that is live in the ledger: reconciliation decides on that.
        """
        channel = self.ledger.channels.get(leg.key)
        if channel is not None:
            if leg.witness is EndWitness.JOURNAL:
                self._close(channel, leg)
        elif known is None:
            self._recover_unknown(leg)
        elif known.ended_at is None or self._ends_better(leg, known):
            self._recover_known(leg, known)
        elif leg.witness is EndWitness.JOURNAL:
            self._complete_ended(leg, known)
            self._compare(leg, known)

    def _ends_better(self, leg: JournalLeg, known: LegRecord) -> bool:
        if leg.witness is EndWitness.JOURNAL:
            return known.witness is not None and known.witness.guessed
        by_journal = replace(known, ended_at=leg.ended_at, witness=leg.witness)
        return known.ends_worse_than(by_journal)

    # --- legs that the ledger holds ------------------------------------------------------------

    def lacks_nothing(self, key: ChannelKey) -> bool:
        """Return whether the ledger has this leg with an owner and an answer that was seen."""
        channel = self.ledger.channels.get(key)
        if channel is None or channel.call is None:
            return False
        return channel.call.tenant is not None and not _lacks_answer(channel)

    def complete(self, leg: JournalLeg) -> None:
        """Complete a live leg with what was not seen: it was adopted, or restored unanswered."""
        channel = self.ledger.channels.get(leg.key)
        if channel is None:
            return
        if _lacks_answer(channel) and leg.answered_at is not None:
            self._give_answer(channel, leg)
            self._corrected(leg, channel.call.id if channel.call else None)
        self._give_owner(channel, leg)

    def _give_answer(self, channel: Channel, leg: JournalLeg) -> None:
        now, mono = self._clock.now(), self._clock.monotonic()
        if not channel.trunk:
            self.ledger.rename(channel, leg.channel, now)
        channel.direction = leg.direction or channel.direction or LegDirection.OUTBOUND
        channel.started_at = leg.started_at or channel.started_at
        channel.linkedid = channel.linkedid or leg.linkedid
        channel.caller = channel.caller or leg.caller
        channel.confirmed = True
        channel.state = ChannelState.UP
        self._tracker.answered_earlier(channel, leg.answered_at or now, mono)
        if channel.call is not None and channel.call.tenant is not None:
            self._cutter.rearm(channel.call.tenant, now, mono)
        publish(self.ledger, self._emit)

    def _give_owner(self, channel: Channel, leg: JournalLeg) -> None:
        call, tenant = channel.call, self._owner_of(leg)
        if call is None or call.tenant is not None or tenant is None:
            return
        now = self._clock.now()
        self.ledger.own(call, tenant, now)
        self._meter.owned(call, now, self._clock.monotonic())
        publish(self.ledger, self._emit)

    def _close(self, channel: Channel, leg: JournalLeg) -> None:
        """End a live leg at the journal's hangup, or at an earlier hangup request that we heard."""
        if leg.answered_at is not None and _lacks_answer(channel):
            self._give_answer(channel, leg)
        self._give_owner(channel, leg)
        call = channel.call.id if channel.call else None
        ended_at = leg.ended_at or self._clock.now()
        if leg.whole_seconds and channel.answered_at is not None:
            ended_at = max(ended_at, min(channel.answered_at, ended_at + ROUNDED))
        if channel.ending_at is not None and channel.ending_at <= ended_at + _rounded(leg):
            self._tracker.close(leg.key, channel.ending_at, EndWitness.LIVE)
        else:
            self._tracker.close(leg.key, ended_at, EndWitness.JOURNAL)
        self._corrected(leg, call)

    def close_other(self, key: ChannelKey, ended_at: datetime) -> None:
        """Close a channel that is not a trunk leg, if the ledger has it."""
        channel = self.ledger.channels.get(key)
        if channel is None or channel.trunk:
            return
        call = channel.call.id if channel.call else None
        self._tracker.close(key, channel.ending_at or ended_at, EndWitness.JOURNAL)
        self._emit(Corrected(self._clock.now(), key.pbx, CorrectionKind.CLOSED, key, call))

    # --- legs that have left the ledger, or were never in it -----------------------------------

    def _recover_unknown(self, leg: JournalLeg) -> None:
        """Record an unknown leg if it was answered: refused and unanswered legs cost nothing."""
        if leg.answered_at is None or leg.started_at is None or leg.direction is None:
            return
        tenant = self.owner(leg.owner)
        call = self.ledger.under_linkedid(leg.key.pbx, leg.linkedid, tenant)
        if tenant is None and call is not None:
            tenant = call.tenant
        tenant = tenant or self._in_force.tenant_of_pbx(leg.key.pbx)
        self._recovered(
            leg,
            LegRecord(
                key=leg.key,
                call=call.id if call is not None else None,
                tenant=tenant,
                direction=leg.direction,
                channel=leg.channel,
                linkedid=leg.linkedid,
                caller=leg.caller,
                number=leg.number,
                started_at=leg.started_at,
                answered_at=leg.answered_at,
                emergency=leg.number in self._in_force.policy.emergency,
            ),
            None,
        )

    def _recover_known(self, leg: JournalLeg, known: LegRecord) -> None:
        self._recovered(leg, self._completed(leg, known), known)

    def _complete_ended(self, leg: JournalLeg, known: LegRecord) -> None:
        """Correct an ended leg: of two witnessed ends the earlier counts, as no witness is early.

        Also fills in a guessed answer and a missing owner.
        """
        completed = self._completed(leg, known)
        early_us = self._early_us(leg, known)
        if early_us:
            ended = replace(completed, ended_at=leg.ended_at, witness=leg.witness)
            self._meter.recovered(ended, known, most_us=max(0, known.talk_us - early_us))
            self._corrected(leg, known.call)
        elif known.gives_way_to(completed):
            self._meter.recovered(completed, known)
            self._corrected(leg, known.call)

    def _early_us(self, leg: JournalLeg, known: LegRecord) -> int:
        """Return by how many microseconds the journal's end is earlier than ours; 0: ignore it.

        Two witnesses of one moment differ a little; that counts only where it changes the charge.
        Where the answers show that they use two clocks, nothing can be concluded.
        """
        if not (leg.answered_at and leg.ended_at and known.answered_at and known.ended_at):
            return 0
        if abs(leg.answered_at - known.answered_at) > SAME_CLOCK:
            return 0
        early = known.ended_at - leg.ended_at - _rounded(leg)
        early_us = early // timedelta(microseconds=1)
        if early_us > AGREEMENT_S * 1_000_000:
            return early_us
        less = early_us > 0 and self._charges_less(known, known.talk_us - early_us)
        return early_us if less else 0

    def _charges_less(self, known: LegRecord, talk_us: int) -> bool:
        return self._meter.billed_s(known.tenant, talk_us) < known.billed_s

    def _completed(self, leg: JournalLeg, known: LegRecord) -> LegRecord:
        owned = replace(known, tenant=known.tenant or self._owner_of(leg))
        if leg.answered_at is None or known.saw_answer:
            return owned
        return replace(
            owned,
            direction=leg.direction or known.direction,
            started_at=leg.started_at or known.started_at,
            answered_at=leg.answered_at,
            answer_guessed=False,
        )

    def _recovered(self, leg: JournalLeg, record: LegRecord, before: LegRecord | None) -> None:
        ended_at, answered_at = leg.ended_at, record.answered_at
        if leg.whole_seconds and ended_at is not None and answered_at is not None:
            ended_at = max(ended_at, min(answered_at, ended_at + ROUNDED))
        ended = replace(record, ended_at=ended_at, witness=leg.witness, gone_by=leg.gone_by)
        self._meter.recovered(ended, before)
        self._corrected(leg, record.call)

    def _compare(self, leg: JournalLeg, known: LegRecord) -> None:
        if leg.ended_at is None or known.ended_at is None or known.witness is not EndWitness.LIVE:
            return
        difference_s = (leg.ended_at - known.ended_at).total_seconds()
        if abs(difference_s) > AGREEMENT_S + _rounded(leg).total_seconds():
            self._emit(JournalDisagreed(self._clock.now(), leg.key, difference_s))

    def owner(self, hints: OwnerHints) -> str | None:
        """Return the tenant of a leg, in the order used for hooks; None: the leg is unowned."""
        registry = self._in_force.registry
        for hook in hints.hooks:
            tenant = self._named_by(hook)
            if tenant is not None:
                return tenant
        return (
            registry.owner(did=hints.did)
            or self._owner_of_any(hints.accountcodes)
            or registry.owner(context=hints.context)
            or self._owner_of_any(hints.others)
        )

    def _owner_of(self, leg: JournalLeg) -> str | None:
        return self.owner(leg.owner) or self._in_force.tenant_of_pbx(leg.key.pbx)

    def _named_by(self, hook: JournalWitness) -> str | None:
        registry = self._in_force.registry
        return (
            registry.named(hook.tenant)
            or registry.owner(did=hook.number if hook.direction == Direction.INBOUND else "")
            or self._owner_of_any(hook.accountcodes)
            or registry.owner(context=hook.context)
        )

    def _owner_of_any(self, accountcodes: tuple[str, ...]) -> str | None:
        owners = (self._in_force.registry.owner(code) for code in accountcodes)
        return next(filter(None, owners), None)

    def _corrected(self, leg: JournalLeg, call: str | None) -> None:
        kind = CorrectionKind.SETTLED
        self._emit(Corrected(self._clock.now(), leg.key.pbx, kind, leg.key, call))


def _rounded(leg: JournalLeg) -> timedelta:
    return ROUNDED if leg.whole_seconds else timedelta()


def _lacks_answer(channel: Channel) -> bool:
    """Return whether the answer was not seen, or not as that of a trunk leg."""
    return channel.answered_at is None or channel.answer_guessed or not channel.trunk
