"""Live channels and the calls that they make up, as the ledger holds them.

Both are mutable; only the ledger changes which channel belongs to which call.
"""

from __future__ import annotations

from datetime import datetime
from sys import intern

from pbxbilling.calls.live.channel import ChannelKey, ChannelState, is_local
from pbxbilling.calls.live.load import NOTHING, Load
from pbxbilling.calls.live.records import CallRecord
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.kernel.codes import Direction, LegDirection

# Channels that Asterisk makes for itself (announcers, recorders, mailbox delivery): never a leg.
_SERVICE_TECHNOLOGIES = ("Announcer/", "Bridge/", "CBAnn/", "CBRec/", "Message/", "Recorder/")

_NOBODY: frozenset[str] = frozenset()  # shared: each empty frozenset made costs 216 bytes


class Channel:
    """One live channel, as far as hook and AMI have shown it; whichever came first created it."""

    __slots__ = (
        "accountcode",
        "answer_guessed",
        "answered_at",
        "answered_mono",
        "asked",
        "born",
        "bridge",
        "call",
        "caller",
        "confirmed",
        "context",
        "dialled",
        "dialled_by",
        "dialled_number",
        "dials_emergency",
        "dials_for",
        "dials_number",
        "direction",
        "drawing_for",
        "drawn_s",
        "emergency",
        "ending_at",
        "ending_mono",
        "exten",
        "given_up",
        "held",
        "key",
        "known_mono",
        "linkedid",
        "local",
        "missed_at",
        "misses",
        "name",
        "number",
        "over_limit_for",
        "owner",
        "parked",
        "peer",
        "proven_at",
        "proven_mono",
        "refused",
        "started_at",
        "state",
        "talks_since_mono",
        "trunk",
        "weighs",
    )

    def __init__(self, key: ChannelKey, name: str, *, trunk: bool, at: datetime, mono: float):
        self.key = key
        self.rename(name, trunk=trunk)
        self.state: int = ChannelState.DOWN
        self.direction: LegDirection | None = None  # of a trunk leg
        self.born = False  # whether its creation was seen
        self.dialled = False  # somebody dialled it, so it leads outside whatever its state
        self.dialled_by: Channel | None = None
        self.dialled_number = ""  # as the technology was told it
        self.given_up = False  # what dialled it went on before an answer, so it is ending
        self.linkedid = ""
        self.accountcode = ""
        self.context = ""
        self.exten = ""
        self.caller = ""
        self.call: Call | None = None  # the call that it is a leg of
        self.dials_for: Call | None = None  # the call that owns what it dials from now on
        self.dials_number = ""  # the number of its latest outbound hook
        self.dials_emergency = False  # whether its latest hook was for an emergency number
        self.emergency = False  # dialled under such a hook: never cut
        self.number = ""  # of a dialled leg: the number of the hook that dialled it
        self.asked: list[Call] = []  # the calls that it asked for and keeps alive
        self.owner: str | None = None  # of a refused channel: the tenant that still pays its legs
        self.peer: Channel | None = None  # the other half of a Local pair
        self.confirmed = False  # whether AMI has shown it; until then it is only a reservation
        self.refused = False
        self.over_limit_for = _NOBODY  # tenants whose limits would end it
        self.held = False
        self.parked = False
        self.bridge = ""
        self.misses = 0  # complete snapshots in a row that did not list it
        self.missed_at: datetime | None = None  # the first of them
        self.proven_at = at  # its last proof of life, by its PBX's clock
        self.proven_mono = mono
        self.known_mono = mono
        self.started_at = at
        self.answered_at: datetime | None = None
        self.answered_mono: float | None = None  # None where the answer was not heard live
        self.answer_guessed = False  # the answer was not seen: `answered_at` is its first proof
        self.talks_since_mono = mono  # `answered_mono`, or the best estimate of it
        self.ending_at: datetime | None = None  # its first hangup request: where talk ends
        self.ending_mono: float | None = None
        self.drawing_for: str | None = None  # the tenant whose allowance it uses up
        self.drawn_s: int | None = None  # allowance booked when enforce mode would have cut it

    def rename(self, name: str, *, trunk: bool) -> None:
        """Take a new name and derive from it whether the channel weighs and is a trunk leg."""
        self.name = name
        self.local = is_local(name)
        service = name.startswith(_SERVICE_TECHNOLOGIES)
        self.weighs = not (self.local or service)  # whether it keeps a call alive
        self.trunk = trunk and not self.local

    def lead(self, direction: LegDirection) -> bool:
        """Set the direction of a trunk leg; True where an answered leg had the other one."""
        turned = self.direction is not direction and self.answered_at is not None
        if self.trunk:
            self.direction = direction
        return turned and self.trunk

    def came_in(self) -> bool:
        """Note that it acts as only a channel that came in does, unless somebody dialled it.

        Returns True where that turns an answered leg, which then costs differently.
        """
        return not self.dialled and self.lead(LegDirection.INBOUND)

    def pair_with(self, other: Channel) -> None:
        """Pair the two halves of a Local channel, parting each from an earlier peer."""
        self.part()
        other.part()
        self.peer, other.peer = other, self

    def part(self) -> None:
        """Dissolve the Local pair, if there is one."""
        if self.peer is not None:
            self.peer.peer = None
            self.peer = None

    def answer(self, at: datetime, mono: float) -> None:
        """Note an answer at `at` that we heard live."""
        self.answered_at = at
        self.answered_mono = self.talks_since_mono = mono
        self.answer_guessed = False

    def answer_unheard(self, at: datetime, now: datetime, mono: float) -> None:
        """Note an answer at `at` that was reported later.

        Compares the wall clocks once, so that a clock step after this does not change what the
        channel draws.
        """
        self.answered_at, self.answered_mono = at, None
        self.answer_guessed = False
        self.talks_since_mono = mono - max(0.0, (now - at).total_seconds())

    def answer_by(self, at: datetime, mono: float) -> None:
        """Note that it was found answered at `at`; the answer itself was not seen."""
        self.answered_at = at
        self.answered_mono = self.talks_since_mono = mono
        self.answer_guessed = True

    def prove(self, at: datetime, mono: float) -> None:
        """Record a proof of life at `at` (its PBX's clock), unless a later one arrived already."""
        if mono >= self.proven_mono:
            self.proven_at, self.proven_mono = at, mono

    def learn(self, seen: ChannelSeen) -> None:
        """Fill in what is not known yet: first values are latched.

        Strings that many channels share are interned: there may be 50,000 channels.
        """
        if not self.linkedid:
            first = self.key.uniqueid
            self.linkedid = first if seen.linkedid == first else seen.linkedid
        self.accountcode = self.accountcode or intern(seen.accountcode)
        self.context = self.context or intern(seen.context)
        self.exten = self.exten or intern(seen.exten)
        self.caller = self.caller or seen.caller

    def would_be_gone(self, tenant: str | None) -> bool:
        """Return whether enforce mode would have ended it by this tenant's limits."""
        return tenant in self.over_limit_for

    def is_dialled_for(self, asker: Channel) -> bool:
        """Return whether the asker dialled it, itself or through Local channels."""
        dialler = self.dialled_by
        while dialler is not None and dialler is not asker:
            dialler = dialler.peer.dialled_by if dialler.peer is not None else None
        return dialler is asker

    @property
    def is_over(self) -> bool:
        """Whether it holds nothing any more: its hangup, which AMI tells later, is certain."""
        return self.given_up and self.answered_at is None

    @property
    def goes_out(self) -> bool:
        """Whether it is a trunk leg that leads outside."""
        return self.trunk and self.direction is LegDirection.OUTBOUND

    @property
    def spared(self) -> bool:
        """Whether it serves an emergency: as the leg itself, or by its latest hook."""
        return self.emergency or self.dials_emergency


class Call:
    """One tenant's conversation, from its reservation until none of its channels lives."""

    __slots__ = (
        "answered_at",
        "asked_codes",
        "asked_contexts",
        "asker",
        "askers",
        "caller",
        "channels",
        "counted",
        "direction",
        "emergency",
        "ended_at",
        "estimated",
        "hooked",
        "id",
        "joined",
        "judged",
        "leg_reservations",
        "linkedids",
        "merged_into",
        "number",
        "origin",
        "over_limit",
        "pbx",
        "started_at",
        "started_mono",
        "tenant",
    )

    def __init__(
        self,
        call_id: str,
        pbx: str,
        tenant: str | None,
        direction: Direction,
        *,
        at: datetime,
        mono: float,
    ):
        self.id = call_id
        self.pbx = pbx
        self.tenant = tenant
        self.direction = direction
        self.started_at = at
        self.started_mono = mono
        self.origin = ""
        self.asker = ""
        self.caller = ""
        self.number = ""
        self.asked_codes: tuple[str, ...] = ()  # account codes of the channels that asked for it
        self.asked_contexts: tuple[str, ...] = ()  # and the contexts that they asked from
        self.linkedids: list[str] = []
        self.channels: list[Channel] = []
        self.askers: list[Channel] = []
        self.leg_reservations: tuple[Channel, ...] = ()  # askers still to dial their trunk leg
        self.joined: tuple[str, ...] = ()  # ids of younger calls merged into it
        self.hooked = False
        self.judged = False  # a hook was granted its slot; an emergency needs none
        self.emergency = False  # one of its hooks was for an emergency number
        self.over_limit = False
        self.estimated = False
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.merged_into: Call | None = None
        self.counted = NOTHING  # what it adds to its tenant's load right now

    @property
    def lives(self) -> bool:
        """Whether a channel that weighs, or one that asked for the call, is still there."""
        return bool(self.askers) or any(c.weighs for c in self.channels)

    def weight(self) -> Load:
        """Return what the call holds against its tenant's limits; do not mutate the result.

        Channels that enforce mode would have ended weigh nothing. A call with no others is over
        the limit: it is shown but does not count.
        """
        tenant = self.tenant
        legs, counts, outside = 0, False, False
        for channel in self.channels:
            if channel.weighs and tenant not in channel.over_limit_for:
                counts = True
                if channel.trunk and not channel.is_over:
                    legs += 1
                    outside = outside or channel.goes_out
        for asker in self.askers:
            counts = counts or tenant not in asker.over_limit_for
        if not counts:
            return NOTHING
        for asker in self.leg_reservations:
            if tenant not in asker.over_limit_for:
                legs += 1
                outside = True
        if self.direction is Direction.OUTBOUND:
            return Load(1, 0, 0, legs)
        if self.direction is Direction.INBOUND:
            return Load(0, 1, 0, legs, int(outside))
        return Load(0, 0, 1, legs)

    def is_forwarded(self) -> bool:
        """Return whether a call that came in was granted a leg outside, which it dials or has.

        An emergency is granted nothing that a later hook could use.
        """
        tenant = self.tenant
        for asker in self.leg_reservations:
            if not asker.dials_emergency and tenant not in asker.over_limit_for:
                return True
        for channel in self.channels:
            if channel.goes_out and not channel.emergency and tenant not in channel.over_limit_for:
                return True
        return False

    def emergency_legs(self) -> int:
        """Return its number of emergency trunk legs, which were held without a grant."""
        legs = 0
        for channel in self.channels:
            legs += channel.emergency and channel.trunk
        return legs

    def note_asked(self, accountcode: str, context: str) -> None:
        """Remember the account code and context of a channel that asked for the call.

        Asterisk passes account codes on to dialled channels, and a channel keeps its context, so
        a later hook inside this call with the same values gives no evidence of its own.
        """
        if accountcode and accountcode not in self.asked_codes:
            self.asked_codes += (accountcode,)
        if context and context not in self.asked_contexts:
            self.asked_contexts += (context,)

    def record(self) -> CallRecord:
        """Build the record of the call."""
        return CallRecord(  # positional: keywords would take as long as all the rest
            self.id,
            self.tenant,
            self.pbx,
            self.direction,
            self.origin,
            self.asker,
            self.linkedids[0] if self.linkedids else "",
            self.caller,
            self.number,
            self.started_at,
            self.answered_at,
            self.ended_at,
            self.hooked,
            self.over_limit,
            self.emergency,
            self.estimated,
            self.merged_into.id if self.merged_into else None,
        )
