"""What a journal's rows show of an open channel, and of the trunk leg that it is.

Rows do not show which channel of a linkedid dialled a leg. Of several hooks before the leg began,
the one with the number that was dialled counts, else the latest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pbxbilling.calls.journal.journal import (
    JournalLeg,
    JournalPosition,
    JournalRow,
    JournalWitness,
    OwnerHints,
)
from pbxbilling.calls.live.channel import ChannelKey, Trunks, is_local
from pbxbilling.calls.live.directions import is_dialled_by
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.numbers import NOWHERE, compact, number_in, read

_BEGIN_AT_THEIR_NUMBER = ("OOH323/", "H323/")  # a dialled channel has its number as extension
_MOST_WITNESSES = 32  # per conversation; beyond that the oldest are dropped


class Conversation:
    """The channels under one linkedid, and the evidence of who pays for them."""

    __slots__ = (
        "accountcodes",
        "born_at",
        "channels",
        "contexts",
        "heard",
        "origin",
        "serial",
        "since",
        "witnesses",
    )

    def __init__(self, row: JournalRow, since: JournalPosition, serial: int) -> None:
        self.channels: set[str] = set()
        self.origin = row
        self.witnesses: tuple[JournalWitness, ...] = ()
        self.accountcodes: tuple[str, ...] = ()  # that its channels were created with
        self.heard: tuple[str, ...] = ()  # account codes of the channels that ran a hook
        self.contexts: tuple[str, ...] = ()  # and their contexts
        self.born_at = row.at
        self.since = since
        self.serial = serial

    def note_asked(self, accountcodes: tuple[str, ...], context: str) -> None:
        """Remember what an asking channel had: on a later one these are no evidence of its own."""
        self.heard = _distinct((*self.heard, *accountcodes))[-_MOST_WITNESSES:]
        self.contexts = _distinct((*self.contexts, context))[-_MOST_WITNESSES:]

    def note_born(self, accountcode: str) -> None:
        """Remember the account code that one of its channels was created with."""
        if accountcode and accountcode not in self.accountcodes:
            self.accountcodes = (*self.accountcodes, accountcode)[-_MOST_WITNESSES:]

    def take_over(self, left: Conversation) -> None:
        """Take over the evidence of the conversation that a channel has left for this one."""
        if left.serial < self.serial:
            self.since, self.serial, self.born_at = left.since, left.serial, left.born_at
        self.accountcodes = _distinct((*self.accountcodes, *left.accountcodes))[-_MOST_WITNESSES:]
        if not self.witnesses:
            self.witnesses = left.witnesses
            self.heard, self.contexts = left.heard, left.contexts


class OpenChannel:
    """A channel that has not ended."""

    __slots__ = (
        *("answer", "before", "born", "context", "conversation", "first", "latest", "linkedid"),
        *("asked_since_bridge", "own", "proven_at"),
    )

    def __init__(self, row: JournalRow, conversation: Conversation) -> None:
        self.first = row
        self.latest = row
        self.born = row.event == "CHAN_START"
        self.context = row.context  # the context that it asks from, as far as rows show it
        self.linkedid = row.linkedid
        self.conversation = conversation
        self.answer: JournalRow | None = None
        self.before = conversation.witnesses  # hooks before it began, one of which dialled it
        self.own: tuple[JournalWitness, ...] = ()
        self.asked_since_bridge = False  # whether it fired a hook since it entered its last bridge
        # Set where rows may be missing: the last proof of life, which rows of others cannot extend.
        self.proven_at: datetime | None = None

    def hear(self, row: JournalRow) -> None:
        """Note a hook on this channel, with the account codes and context that are its own."""
        said, first = self.conversation, self.first
        codes = _distinct((row.accountcode, first.accountcode))
        if not said.witnesses and said.origin.uniqueid != first.uniqueid:
            said.note_asked((said.origin.accountcode,), said.origin.context)
        witness = JournalWitness.of(row)._replace(
            accountcodes=tuple(code for code in codes if code not in said.heard),
            context="" if self.context in said.contexts else self.context,
        )
        said.note_asked(codes, self.context)
        self.own = (*self.own, witness)[-_MOST_WITNESSES:]
        said.witnesses = (*said.witnesses, witness)[-_MOST_WITNESSES:]
        self.asked_since_bridge = True

    def transfer(self, context: str, others: Iterable[OpenChannel]) -> None:
        """Note the context that a transfer sends the channel to, from which its later hooks ask.

        A busy Asterisk writes the first of these hooks before the transfer: one since the channel
        entered its bridge gets the context here, also as evidence of the `others` of the
        conversation, which it may have dialled.
        """
        self.context, said = context, self.conversation
        if not self.asked_since_bridge or not self.own:
            return
        early = self.own[-1]
        late = early._replace(context="" if context in said.contexts else context)
        said.note_asked((), context)
        for channel in (self, *others):
            channel.own = _replaced(channel.own, early, late)
            channel.before = _replaced(channel.before, early, late)
        said.witnesses = _replaced(said.witnesses, early, late)


def is_trunk(name: str, trunks: Trunks) -> bool:
    """Return whether the channel of this name is a trunk leg."""
    return name in trunks and not is_local(name)


def leg_of(
    channel: OpenChannel,
    key: ChannelKey,
    trunks: Trunks,
    ended_at: datetime | None = None,
    witness: EndWitness | None = None,
    gone_by: datetime | None = None,
) -> JournalLeg:
    """Build the trunk leg that a channel is, as far as its rows show; `ended_at` None: open."""
    first, answer = channel.first, channel.answer
    direction = _direction(channel) if channel.born else None
    inbound = direction is LegDirection.INBOUND
    witnesses = _witnesses_of_incoming(channel) if inbound else _witnesses_of_dialled(channel)
    asker = first if inbound else channel.conversation.origin
    dialled = answer.exten if answer else ""  # Dial gives a leg the extension that dialled it
    caller, number = _parties(first if inbound else None, witnesses, asker, dialled)
    return JournalLeg(
        key=key,
        channel=channel.latest.channel,
        linkedid=first.linkedid,
        direction=direction,
        started_at=first.at if channel.born else None,
        answered_at=answer.at if answer else None,
        ended_at=ended_at,
        witness=witness,
        owner=OwnerHints(
            hooks=tuple(witnesses),
            accountcodes=_distinct(
                row.accountcode for row in (asker, first, answer) if row is not None
            ),
            did=_did(asker) if is_trunk(asker.channel, trunks) else "",
            context=asker.context,
            others=channel.conversation.accountcodes,
        ),
        caller=caller,
        number=number,
        since=channel.conversation.since,
        gone_by=gone_by,
        whole_seconds=channel.latest.whole_seconds,
    )


def _did(row: JournalRow) -> str:
    return row.exten if row.exten not in ("", NOWHERE) else row.dnid


def _replaced(
    witnesses: Iterable[JournalWitness], before: JournalWitness, after: JournalWitness
) -> tuple[JournalWitness, ...]:
    return tuple(after if one is before else one for one in witnesses)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, names)))


def _direction(channel: OpenChannel) -> LegDirection:
    """Return a leg's direction: what begins at an extension came in, what is dialled begins at `s`.

    So do the calls of some carriers (of chan_pjsip's registrations, of analog lines). A requested
    channel has the other's linkedid from its first row on, and a dialled one shows AppDial
    (originated: AppDial2) when it answers; of the rest an inbound hook came in, and what the
    dialplan answered.
    """
    first, answer = channel.first, channel.answer
    if first.exten != NOWHERE and not first.channel.startswith(_BEGIN_AT_THEIR_NUMBER):
        return LegDirection.INBOUND
    if first.linkedid != first.uniqueid or (answer and is_dialled_by(answer.application)):
        return LegDirection.OUTBOUND
    asked_inbound = any(witness.direction == LegDirection.INBOUND for witness in channel.own)
    came_in = asked_inbound or bool(answer and answer.application)
    return LegDirection.INBOUND if came_in else LegDirection.OUTBOUND


def _witnesses_of_incoming(channel: OpenChannel) -> list[JournalWitness]:
    """Return the hooks on the leg itself, oldest first, then the inbound hooks of its call."""
    others = [w for w in channel.conversation.witnesses if w.direction == LegDirection.INBOUND]
    return [*channel.own, *others]


def _witnesses_of_dialled(channel: OpenChannel) -> list[JournalWitness]:
    """Return the hooks that may have dialled the leg, likeliest first, then those on the leg."""
    dialled = channel.answer.exten if channel.answer else ""
    latest = {w.uniqueid: w for w in channel.before}.values()  # a channel's last hook counts
    meant = [w for w in latest if _is_end_of(w.number, dialled)]
    return [*meant[::-1], *channel.before[::-1], *channel.own]


def _is_end_of(number: str, dialled: str) -> bool:
    """Return whether the number was dialled, in whatever spelling, with or without a prefix."""
    wanted = read(number).international or compact(number)
    return bool(wanted) and compact(dialled).endswith(wanted)


def _parties(
    incoming: JournalRow | None,
    witnesses: Sequence[JournalWitness],
    asker: JournalRow,
    dialled: str,
) -> tuple[str, str]:
    """Return the caller and the number."""
    spoken = witnesses[0] if witnesses else None
    if incoming is not None:
        by_hook = incoming.exten == NOWHERE and spoken is not None
        return incoming.caller, spoken.number if by_hook and spoken else incoming.exten
    if spoken is None:
        return asker.caller, number_in(dialled) or number_in(asker.exten)
    return spoken.caller or asker.caller, spoken.number
