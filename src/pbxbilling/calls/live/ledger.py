"""The ledger of live calls: which channel belongs to which call, and what each tenant holds.

Synchronous and in memory: no `await` stands between the check of a limit and the reservation, so
no other lock is needed. The rules are those of docs/reference/calls.md. The ledger appends what
happens to a call to `news`; `publish` turns that into facts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import reduce

from pbxbilling.calls.live.bridges import Bridges
from pbxbilling.calls.live.call import Call, Channel
from pbxbilling.calls.live.channel import ChannelKey, Trunks
from pbxbilling.calls.live.facts import CallChanged, CallEnded, CallStarted
from pbxbilling.calls.live.load import NOTHING, Load
from pbxbilling.kernel.codes import Direction

GONE_S = 60.0  # how long a hung-up Uniqueid is remembered, so that a late hook reserves nothing


# What happened to one call: the type of the fact to emit, the call, and when it happened.
News = tuple[type[CallStarted | CallChanged | CallEnded], Call, datetime]


class Ledger:
    """Live channels and calls of all PBXes, and the current load of each tenant."""

    def __init__(self, trunks: Mapping[str, Trunks], new_id: Callable[[], str]) -> None:
        self.trunks = dict(trunks)
        self._new_id = new_id
        self.channels: dict[ChannelKey, Channel] = {}
        self.calls: dict[str, Call] = {}
        self.aliases: dict[str, str] = {}  # id of a joined call → id of the older call
        self.news: list[News] = []
        self.bridges = Bridges()
        self._loads: dict[str, dict[str, Load]] = {}  # PBX → tenant → load
        self._by_linkedid: dict[tuple[str, str], list[Call]] = {}
        self._gone: dict[ChannelKey, float] = {}  # in the order of hangup
        self._admissions: deque[tuple[float, str]] = deque()  # of the sliding second, in order
        self._admitted: dict[str, int] = {}  # tenant → how many of `_admissions`

    # --- what a tenant holds -------------------------------------------------------------------

    def load(
        self, tenant: str, *, besides: Call | None = None, pbxes: frozenset[str] | None = None
    ) -> Load:
        """Return a tenant's load without the call `besides`, on all PBXes or only on `pbxes`."""
        if besides is None and pbxes is None and len(self._loads) == 1:  # most sites have one PBX
            (loads,) = self._loads.values()
            return loads.get(tenant, NOTHING)
        chosen = (
            loads.get(tenant, NOTHING)
            for pbx, loads in self._loads.items()
            if pbxes is None or pbx in pbxes
        )
        total = reduce(Load.plus, chosen, NOTHING)
        if besides is None or besides.tenant != tenant:
            return total
        counts = pbxes is None or besides.pbx in pbxes
        return total.turned(besides.counted, NOTHING) if counts else total

    def admitted_past_second(self, tenant: str, mono: float) -> int:
        """Return how many new calls were admitted in the sliding second that ends at `mono`."""
        while self._admissions and self._admissions[0][0] <= mono - 1.0:
            self._forget_admission()
        return self._admitted.get(tenant, 0)

    def _forget_admission(self) -> None:
        _, tenant = self._admissions.popleft()
        left = self._admitted.pop(tenant) - 1
        if left:
            self._admitted[tenant] = left

    def note_admitted(self, tenant: str, mono: float) -> None:
        """Count one new call in the sliding second."""
        self._admissions.append((mono, tenant))
        self._admitted[tenant] = self._admitted.get(tenant, 0) + 1

    # --- channels ------------------------------------------------------------------------------

    def is_gone(self, key: ChannelKey) -> bool:
        """Return whether this Uniqueid was hung up within the last minute."""
        return key in self._gone

    def channel(self, key: ChannelKey, name: str, *, at: datetime, mono: float) -> Channel | None:
        """Return the channel of this key, creating a new one; None if it was hung up already."""
        known = self.channels.get(key)
        if known is not None:
            return known
        if key in self._gone:
            return None
        made = Channel(key, name, trunk=self._is_trunk(key.pbx, name), at=at, mono=mono)
        self.channels[key] = made
        return made

    def _is_trunk(self, pbx: str, name: str) -> bool:
        trunks = self.trunks.get(pbx)
        return trunks is not None and name in trunks

    def rename(self, channel: Channel, name: str, at: datetime) -> None:
        """Follow a Rename; ignore the transient names of a masquerade and of zombies."""
        if name.endswith(">"):
            return
        channel.rename(name, trunk=self._is_trunk(channel.key.pbx, name))
        if channel.call is not None:
            self.settle(channel.call, at)

    def remove(self, channel: Channel, *, at: datetime, mono: float) -> None:
        """Remove a channel and end the calls that only it kept alive. Repeating it does nothing."""
        if self.channels.pop(channel.key, None) is None:
            return
        self._remember_gone(channel.key, mono)
        self.bridges.leave(channel)
        channel.part()
        touched = list(channel.asked)
        for call in channel.asked:
            call.askers.remove(channel)
            if channel in call.leg_reservations:
                self._cancel_reservation(call, channel)
        if channel.call is not None and channel.call not in touched:
            touched.append(channel.call)
        if channel.call is not None:
            channel.call.channels.remove(channel)
        for call in touched:
            self.settle(call, at)

    def _remember_gone(self, key: ChannelKey, mono: float) -> None:
        gone = self._gone
        gone[key] = mono
        while gone:
            oldest = next(iter(gone))
            if gone[oldest] > mono - GONE_S:
                break
            del gone[oldest]

    # --- calls ---------------------------------------------------------------------------------

    def open(
        self,
        channel: Channel,
        tenant: str | None,
        direction: Direction,
        *,
        at: datetime,
        mono: float,
        call_id: str | None = None,
        hooked: bool = False,
        emergency: bool = False,
        number: str = "",
    ) -> Call:
        """Open a call for its asker, which becomes its first leg unless it has a call already.

        The caller must settle it, so that what the caller marks and reserves counts in one step.
        """
        pbx, uniqueid = channel.key
        call = Call(call_id or self._new_id(), pbx, tenant, direction, at=at, mono=mono)
        call.asker = uniqueid
        call.caller = channel.caller
        call.number = number or channel.exten
        call.hooked = hooked
        call.judged = hooked and not emergency
        call.emergency = emergency
        channel.dials_emergency = channel.dials_emergency or emergency
        call.note_asked(channel.accountcode, channel.context)
        self.calls[call.id] = call
        self._index_linkedid(call, channel.linkedid)
        self.ask(call, channel)
        channel.dials_for = call
        if channel.call is None:
            call.origin = uniqueid
            call.channels.append(channel)
            channel.call = call
        self.news.append((CallStarted, call, at))
        if channel.peer is not None and channel.peer.call is None:
            self.join(channel.peer, call, at, by=channel)
        return call

    def ask(self, call: Call, channel: Channel) -> None:
        """Make the channel an asker of the call, which then lives at least as long as it."""
        call.askers.append(channel)
        channel.asked.append(call)

    def reserve_leg(self, call: Call, channel: Channel) -> None:
        """Reserve one trunk leg for what this asker is about to dial."""
        if channel not in call.leg_reservations:
            call.leg_reservations += (channel,)

    def _cancel_reservation(self, call: Call, channel: Channel) -> None:
        call.leg_reservations = tuple(c for c in call.leg_reservations if c is not channel)

    def join(self, channel: Channel, call: Call, at: datetime, by: Channel | None = None) -> None:
        """Make a channel a leg of a call; `by` is the channel that dialled it.

        The half of a Local pair brings the other half along. If the channel is in another call of
        the same tenant (or without one), the two calls merge; a call of another tenant keeps it.
        """
        if channel.call is call:
            return
        if channel.call is not None:
            self.merge(channel.call, call, at)
            return
        if by is not None and call.tenant is not None and by.would_be_gone(call.tenant):
            channel.over_limit_for |= {call.tenant}
        call.channels.append(channel)
        channel.call = call
        if channel.dials_for is None:
            channel.dials_for = call
        if channel.trunk and by is not None:
            self._consume_reservation(call, by)
        peer = channel.peer
        if peer is not None and peer.call is None:
            self.join(peer, call, at, by=channel)
        self.settle(call, at)

    def end_dials(self, call: Call, asker: Channel, at: datetime) -> None:
        """Let go of the legs that the asker dialled in vain: it runs the dialplan again.

        AMI tells their end on a link of its own, which may be later than the hook.
        """
        before = [c for c in call.channels if c.answered_at is None and not c.given_up]
        over = [channel for channel in before if channel.is_dialled_for(asker)]
        for channel in over:
            channel.given_up = True
        if over:
            self.settle(call, at)

    def _consume_reservation(self, call: Call, by: Channel) -> None:
        waiting = call.leg_reservations
        if waiting:
            self._cancel_reservation(call, by if by in waiting else waiting[0])

    def merge(self, one: Call, other: Call, at: datetime) -> Call | None:
        """Merge two calls of one tenant into the older, which keeps its id and direction.

        A call without a tenant takes the other's. None: they are of two tenants and stay separate.
        """
        if one is other:
            return one
        if one.tenant != other.tenant and one.tenant is not None and other.tenant is not None:
            return None
        older, younger = sorted((one, other), key=lambda c: (c.started_mono, c.id))
        if older.tenant is None:
            older.tenant = younger.tenant
        self._hand_over(younger, older)
        older.hooked = older.hooked or younger.hooked
        older.judged = older.judged or younger.judged
        older.asked_codes += younger.asked_codes
        older.asked_contexts += younger.asked_contexts
        younger.merged_into = older
        older.joined += (younger.id, *younger.joined)
        self.aliases.update(dict.fromkeys(older.joined, older.id))
        self._end(younger, at)
        self.settle(older, at)
        self.news.append((CallChanged, older, at))
        return older

    def _hand_over(self, younger: Call, older: Call) -> None:
        for channel in younger.channels:
            channel.call = older
            older.channels.append(channel)
        for asker in younger.askers:
            asker.asked = [c for c in asker.asked if c is not younger]
            if older not in asker.asked:
                asker.asked.append(older)
                older.askers.append(asker)
        for channel in {*younger.channels, *younger.askers}:
            if channel.dials_for is younger:
                channel.dials_for = older
        for asker in younger.leg_reservations:
            self.reserve_leg(older, asker)
        for linkedid in list(younger.linkedids):
            self._index_linkedid(older, linkedid)
        younger.channels, younger.askers, younger.leg_reservations = [], [], ()

    def settle(self, call: Call, at: datetime) -> None:
        """Update the tenant's load to what the call weighs now; end a call that no longer lives."""
        if call.ended_at is not None:
            return
        if not call.lives:
            self._end(call, at)
            return
        weight = call.weight()
        call.over_limit = not (weight.outbound or weight.inbound or weight.internal)
        self._account(call, weight)

    def own(self, call: Call, tenant: str, at: datetime) -> None:
        """Set the tenant of a call that had none."""
        self._account(call, NOTHING)
        call.tenant = tenant
        self.settle(call, at)
        self.news.append((CallChanged, call, at))

    def note_changed(self, call: Call, at: datetime) -> None:
        """Note a change of the call's record that leaves its load as it was."""
        self.news.append((CallChanged, call, at))

    def redirect(self, call: Call, direction: Direction, at: datetime) -> None:
        """Change a call's direction."""
        if call.direction is not direction:
            call.direction = direction
            self.settle(call, at)
        self.news.append((CallChanged, call, at))

    def drop(self, call: Call, at: datetime) -> None:
        """End a call that was refused late or released, while its channels live on.

        Marks its channels as refused, so that they never count again.
        """
        for channel in call.channels:
            channel.call = None
            self._mark_refused(channel, call)
        for asker in call.askers:
            asker.asked.remove(call)
            self._mark_refused(asker, call)
        call.channels, call.askers, call.leg_reservations = [], [], ()
        self._end(call, at)

    def _mark_refused(self, channel: Channel, call: Call) -> None:
        if channel.dials_for is call:
            channel.dials_for = channel.call
        if channel.call is None and not channel.asked:
            channel.refused = True
            channel.owner = channel.owner or call.tenant

    def _end(self, call: Call, at: datetime) -> None:
        self._account(call, NOTHING)
        call.ended_at = at
        self.calls.pop(call.id, None)
        if call.merged_into is None:
            for joined in call.joined:
                self.aliases.pop(joined, None)
        for linkedid in call.linkedids:
            calls = self._by_linkedid.get((call.pbx, linkedid))
            if calls is not None and call in calls:
                calls.remove(call)
                if not calls:
                    del self._by_linkedid[call.pbx, linkedid]
        for channel in call.channels:  # Local halves outlive their call by milliseconds
            channel.call = None
            if channel.dials_for is call:
                channel.dials_for = None
            channel.owner = channel.owner or call.tenant
        call.channels = []
        self.news.append((CallEnded, call, at))

    def _account(self, call: Call, weight: Load) -> None:
        if call.tenant is None or weight is call.counted:
            return  # a call without a tenant counts only once `own` gives it one
        loads = self._loads.setdefault(call.pbx, {})
        loads[call.tenant] = loads.get(call.tenant, NOTHING).turned(call.counted, weight)
        call.counted = weight

    # --- finding calls -------------------------------------------------------------------------

    def find(self, call_id: str) -> Call | None:
        """Return the live call of this id, or the one that the call of this id was joined to."""
        return self.calls.get(self.aliases.get(call_id, call_id))

    def under_linkedid(self, pbx: str, linkedid: str, tenant: str | None) -> Call | None:
        """Return the tenant's latest call (None: anyone's) under a linkedid; only a hint."""
        calls = self._by_linkedid.get((pbx, linkedid))
        if not calls:
            return None
        if tenant is None:
            return calls[-1]
        return next((c for c in reversed(calls) if c.tenant in {tenant, None}), None)

    def _index_linkedid(self, call: Call, linkedid: str) -> None:
        if linkedid and linkedid not in call.linkedids:
            call.linkedids.append(linkedid)
            self._by_linkedid.setdefault((call.pbx, linkedid), []).append(call)
