"""Reconcile the ledger with what a PBX lists; never release a slot on an incomplete snapshot."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime, timedelta

from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.pbx_facts import (
    Corrected,
    CorrectionKind,
    LinkDown,
    LinkRetryFailed,
    LinkUp,
    Reconciled,
    Stale,
)
from pbxbilling.calls.live.proof import LastProof, Proof
from pbxbilling.calls.live.publish import publish
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.calls.live.signals import UPTIME_STEP_S, ChannelSeen, Snapshot
from pbxbilling.calls.live.trust import PbxTrust, Trust
from pbxbilling.calls.metering.cut import Cutter
from pbxbilling.calls.tracking.adopt import Adopter
from pbxbilling.calls.tracking.track import Tracker
from pbxbilling.kernel.ports import Clock, EventSink

UNCONFIRMED_S = 10.0  # a reservation not shown by AMI within this time is checked with the PBX
ROWS_A_STEP = 64  # a few milliseconds where all of them are new
CHANNELS_A_STEP = 256
MISSES = 2  # complete snapshots without a channel until it is taken as gone


class Reconciler:
    """Adopts channels that are listed but unknown, closes those known but gone; each is a fact."""

    def __init__(
        self,
        ledger: Ledger,
        tracker: Tracker,
        adopter: Adopter,
        cutter: Cutter,
        trust: Trust,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._ledger = ledger
        self._tracker = tracker
        self._adopter = adopter
        self._cutter = cutter
        self._trust = trust
        self._clock = clock
        self._emit = emit
        self._proofs: dict[str, LastProof] = {}
        # PBXes that may have restarted: when, and which channels would have died with it
        self._in_doubt: dict[str, tuple[datetime, list[Channel]]] = {}

    # --- links ---------------------------------------------------------------------------------

    def link_up(self, pbx: str, uptime_s: float | None) -> None:
        """Note a login; an uptime shorter than our gap suggests that Asterisk restarted meanwhile.

        Both come from wall clocks, which can be stepped, so the next snapshot has to prove it.
        """
        at = self._clock.now()
        link = self._trust.links[pbx]
        link.connected, link.boot_disproved = True, False
        down_since, link.down_since = link.down_since, None
        self._emit(LinkUp(at, pbx, uptime_s))
        if uptime_s is None:
            return
        restarted = self._may_have_restarted(link, uptime_s, at)
        link.booted_mono = self._clock.monotonic() - uptime_s
        if restarted and link.heard_at is not None:
            died = self._of_its_former_life(link, down_since)
            self._in_doubt.setdefault(pbx, (at - timedelta(seconds=uptime_s), died))

    def disproves_boot(self, pbx: str) -> bool:
        """Return whether the PBX listed channels older than the start that it reported."""
        link = self._trust.links.get(pbx)
        return link is not None and link.boot_disproved

    def _of_its_former_life(self, link: PbxTrust, down_since: float | None) -> list[Channel]:
        """Return the channels that a restarted Asterisk no longer has.

        Leaves out those with a hook that came while our link was down and Asterisk may have been up
        again: the snapshots decide on these.
        """
        booted_mono = (link.booted_mono or 0.0) - UPTIME_STEP_S
        return [
            channel
            for channel in self._channels(link.pbx)
            if channel.known_mono < booted_mono
            or (channel.confirmed and (down_since is None or channel.known_mono < down_since))
        ]

    def _may_have_restarted(self, link: PbxTrust, uptime_s: float, at: datetime) -> bool:
        """Return whether Asterisk may have been started after it was last heard."""
        if link.heard_at is None or at - timedelta(seconds=uptime_s) <= link.heard_at:
            return False
        booted_mono = self._clock.monotonic() - uptime_s
        return link.booted_mono is None or booted_mono - link.booted_mono > UPTIME_STEP_S

    def _close_former_life(self, pbx: str, listed: set[ChannelKey]) -> None:
        """Close the channels of before a restart, unless the PBX lists one and so disproves it."""
        if pbx not in self._in_doubt:
            return
        booted_at, doubted = self._in_doubt.pop(pbx)
        died = [channel for channel in doubted if channel.key in self._ledger.channels]
        self._trust.links[pbx].boot_disproved = any(channel.key in listed for channel in died)
        if not self._trust.links[pbx].boot_disproved:
            self._close(died, CorrectionKind.RESTARTED, booted_at)

    def link_down(
        self, pbx: str, reason: str, heard_at: datetime | None, proof: Proof | None = None
    ) -> None:
        """Note that the link fell or an attempt failed; releases nothing.

        The counts stay trusted for at most `stale_s` from the fall. `proof` is the latest message
        of the PBX.
        """
        self._proof_of(pbx).fell(proof, self._clock.monotonic())
        link = self._trust.links[pbx]
        link.connected = False
        if heard_at is not None:
            link.heard_at = heard_at
        if link.unsure_since is None:
            link.unsure_since = self._clock.monotonic()
        fact_type = LinkDown if link.down_since is None else LinkRetryFailed
        if link.down_since is None:
            link.down_since = self._clock.monotonic()
        self._emit(fact_type(self._clock.now(), pbx, reason))

    def watch(self) -> None:
        """Emit `Stale` once for each PBX with counts that can no longer be trusted."""
        mono = self._clock.monotonic()
        for link in self._trust.links.values():
            if not link.announced_stale and not self._trust.trusts(link.pbx, mono):
                link.announced_stale = True
                link.reconciled = False
                self._emit(
                    Stale(
                        self._clock.now(),
                        link.pbx,
                        f"nothing received for {self._trust.stale_s:g} s",
                    )
                )

    def take_up(self, pbx: str, lived_at: datetime | None) -> None:
        """Follow a PBX from now on; what is open in the store was alive at `lived_at`."""
        known = Proof(lived_at, 0.0) if lived_at is not None else None
        self._proofs[pbx] = LastProof(known)

    def lost(self, pbx: str) -> None:
        """Note a lost message: events may be missing until the next complete snapshot."""
        self._proof_of(pbx).lost(self._clock.monotonic())

    def lived_at(self, pbx: str, proof: Proof | None) -> datetime | None:
        """Return when all that is open was last alive; `proof` is the latest message of the PBX."""
        known = self._proof_of(pbx).until(proof)
        return known.at if known is not None else None

    def let_go(self, pbx: str, proof: Proof | None) -> None:
        """Stop following a PBX; its calls end when they were last known to be alive."""
        self._proof_of(pbx).fell(proof, self._clock.monotonic())
        self._close(self._channels(pbx), CorrectionKind.LET_GO, None)
        self._in_doubt.pop(pbx, None)
        self._proofs.pop(pbx)
        self._trust.let_go(pbx)

    def _proof_of(self, pbx: str) -> LastProof:
        return self._proofs.setdefault(pbx, LastProof())

    def _channels(self, pbx: str) -> list[Channel]:
        return [c for c in self._ledger.channels.values() if c.key.pbx == pbx]

    def _close(
        self, channels: Iterable[Channel], kind: CorrectionKind, gone_by: datetime | None
    ) -> None:
        """End channels at their last proof of life, or at a hangup request that was heard."""
        for channel in channels:
            self._prove(channel)
            self._correct(channel, kind, gone_by)

    def _prove(self, channel: Channel) -> None:
        """Extend the proof of life of a channel never missed to its PBX's last proof for all."""
        proofs = self._proof_of(channel.key.pbx)
        known = proofs.until(None) if channel.confirmed and not channel.misses else None
        if known is not None:
            channel.prove(*known)

    # --- snapshots -----------------------------------------------------------------------------

    def apply(self, snapshot: Snapshot) -> Generator[None, None, bool]:
        """Apply a complete snapshot in steps; True where another one soon would decide more.

        An incomplete one changes nothing. Hooks may be judged between two steps; the PBX's events
        must wait until all are done, or a channel that ends meanwhile is adopted after its end.
        """
        pbx = snapshot.pbx
        if not snapshot.complete:
            self._emit(Corrected(self._clock.now(), pbx, CorrectionKind.INCOMPLETE))
            return True
        unsure_since = self._trust.links[pbx].unsure_since
        listed = {row.key for row in snapshot.rows}
        yield
        self._close_former_life(pbx, listed)
        for number, row in enumerate(snapshot.rows, 1):
            self._take_row(row, snapshot)
            if number % ROWS_A_STEP == 0:
                yield
        doubtful = yield from self._close_unlisted(snapshot, listed)
        if not doubtful:
            self._proof_of(pbx).whole(Proof(snapshot.asked_at, snapshot.asked_s))
        link = self._trust.links[pbx]
        link.reconciled, link.announced_stale = True, False
        if link.unsure_since == unsure_since:  # unchanged: the link has not fallen meanwhile
            link.unsure_since = None
        self._emit(Reconciled(self._clock.now(), pbx, len(snapshot.rows)))
        yield from self._rearm()
        publish(self._ledger, self._emit)
        return doubtful

    def _rearm(self) -> Generator[None, None, None]:
        """Re-arm all cuts, now that the counts are true and legs may be cut by them."""
        for number, tenant in enumerate(self._cutter.tenants(), 1):
            self._cutter.rearm(tenant, self._clock.now(), self._clock.monotonic())
            if number % CHANNELS_A_STEP == 0:
                yield

    def _take_row(self, row: ChannelSeen, snapshot: Snapshot) -> None:
        known = row.key in self._ledger.channels
        channel = self._adopter.adopt(row, Proof(snapshot.asked_at, snapshot.asked_s))
        if channel is not None and not known:
            call = channel.call.id if channel.call is not None else None
            self._emit(
                Corrected(snapshot.asked_at, snapshot.pbx, CorrectionKind.ADOPTED, row.key, call)
            )

    def _close_unlisted(
        self, snapshot: Snapshot, listed: set[ChannelKey]
    ) -> Generator[None, None, bool]:
        doubtful = False
        yield
        channels = self._channels(snapshot.pbx)
        for start in range(0, len(channels), CHANNELS_A_STEP):
            yield
            some = channels[start : start + CHANNELS_A_STEP]
            gone = [c for c in some if c.key not in listed and c.key in self._ledger.channels]
            doubtful |= self._close_gone(gone, snapshot)
        return doubtful

    def _close_gone(self, unlisted: Sequence[Channel], snapshot: Snapshot) -> bool:
        doubtful = False
        for channel in unlisted:
            if not channel.confirmed or channel.known_mono >= snapshot.asked_s:
                continue  # a reservation, or created after the request
            if not channel.misses:
                self._prove(channel)
                channel.missed_at = snapshot.asked_at
            channel.misses += 1
            ending = channel.ending_mono is not None and channel.ending_mono < snapshot.asked_s
            if channel.misses >= MISSES or ending:
                self._correct(channel, CorrectionKind.CLOSED, channel.missed_at)
            else:
                doubtful = True
        return doubtful

    def _correct(self, channel: Channel, kind: CorrectionKind, gone_by: datetime | None) -> None:
        call = channel.call.id if channel.call is not None else None
        if channel.ending_at is not None:
            self._tracker.close(channel.key, channel.ending_at, EndWitness.LIVE)
        else:
            unlisted = kind is CorrectionKind.CLOSED
            witness = EndWitness.UNLISTED if unlisted else EndWitness.ESTIMATED
            self._tracker.give_up(channel, witness, gone_by)
        self._emit(Corrected(self._clock.now(), channel.key.pbx, kind, channel.key, call))

    # --- reservations --------------------------------------------------------------------------

    def unconfirmed(self) -> list[Channel]:
        """Return reservations that AMI has not shown for so long that the PBX must be asked.

        Only on a healthy link: a plain time-to-live would release calls that ring for minutes.
        """
        before = self._clock.monotonic() - UNCONFIRMED_S
        return [
            channel
            for channel in self._ledger.channels.values()
            if not channel.confirmed
            and channel.known_mono <= before
            and self._trust.links[channel.key.pbx].connected
        ]

    def expire(self, channel: Channel) -> None:
        """Remove a reservation with a channel that does not exist, according to the PBX."""
        if channel.confirmed or channel.key not in self._ledger.channels:
            return
        call = channel.call.id if channel.call is not None else None
        at = self._clock.now()
        self._ledger.remove(channel, at=at, mono=self._clock.monotonic())
        self._emit(Corrected(at, channel.key.pbx, CorrectionKind.EXPIRED, channel.key, call))
        publish(self._ledger, self._emit)
