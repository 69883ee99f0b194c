"""Rows of a journal → trunk legs: a fold whose state is only what has not ended yet.

The rules are those of docs/calls.md. What the journal cannot tell:

- which channel of a linkedid dialled a leg. Of several hooks before the leg's beginning the one
  whose number it dialled counts, else the latest;
- how a channel without a HANGUP row ended. When Asterisk was started again such legs end at the
  last row before, marked estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pbxbilling.domain.channel import ChannelKey, LegDirection, Trunks, is_local
from pbxbilling.domain.journal import (
    JournalLeg,
    JournalPosition,
    JournalRow,
    JournalWitness,
    OwnerHints,
)
from pbxbilling.domain.lives import Lives
from pbxbilling.domain.records import EndWitness

HOOK_EVENT = "PBXBILLING"
PINNED_FOR = timedelta(days=2)  # what is open for longer is not read again after a restart
MOST_OPEN = 100_000  # channels; beyond, the oldest are given up
_MOST_WITNESSES = 32  # of one conversation; beyond, the oldest no longer matter

# Rows that show a living channel, also one whose beginning was not read. LINKEDID_END is not one
# of them: it comes late, and with a linkedid that the channel may have left.
_ALIVE = frozenset({"CHAN_START", "ANSWER", "BRIDGE_ENTER", HOOK_EVENT})
_ENDS = frozenset({"HANGUP", "CHAN_END"})


class _Group:
    """The channels under one linkedid, and what was said about who pays for them."""

    __slots__ = ("born_at", "channels", "origin", "serial", "since", "witnesses")

    def __init__(self, row: JournalRow, since: JournalPosition, serial: int) -> None:
        self.channels: set[str] = set()
        self.origin = row
        self.witnesses: tuple[JournalWitness, ...] = ()
        self.born_at = row.at
        self.since = since
        self.serial = serial


class _Open:
    """A channel that has not ended."""

    __slots__ = ("answer", "before", "born", "first", "group", "latest", "linkedid", "own")

    def __init__(self, row: JournalRow, group: _Group) -> None:
        self.first = row
        self.latest = row
        self.born = row.event == "CHAN_START"
        self.linkedid = row.linkedid
        self.group = group
        self.answer: JournalRow | None = None
        self.before = group.witnesses  # hooks before it began: one of them dialled it
        self.own: tuple[JournalWitness, ...] = ()


class JournalFold:
    """Takes the rows of one PBX in order; gives each trunk leg when it has ended.

    `answered` are open trunk legs whose answer was read: whoever has used one takes it out.
    `others_ended` are channels that are no trunk legs, with their end: whoever has used them
    clears it.
    """

    def __init__(self, pbx: str, trunks: Trunks) -> None:
        self.pbx = pbx
        self.trunks = trunks
        self.booted_at: datetime | None = None
        self.answered: set[ChannelKey] = set()
        self.others_ended: dict[ChannelKey, datetime] = {}
        self._channels: dict[str, _Open] = {}
        self._groups: dict[str, _Group] = {}
        self._lives = Lives()
        self._read_at: datetime | None = None  # the last row
        self._alive_at: datetime | None = None  # the last row that is surely of before `booted_at`
        self._serial = 0

    def feed(self, rows: Iterable[JournalRow], since: JournalPosition) -> list[JournalLeg]:
        """Take rows that can be read again from `since` on; return the legs that they end."""
        self._serial += 1
        ended: list[JournalLeg] = []
        for row in rows:
            if row.event == "CHAN_START" and self._lives.begin_anew(row.uniqueid):
                ended += self._give_up([u for u in self._channels if u not in self._lives.young])
                self._lives.young.clear()
            if row.event in _ENDS:
                leg = self._end(row, since)
                if leg is not None:
                    ended.append(leg)
            elif row.event in _ALIVE:
                self._live(row, since)
            self._read_at = row.at
            if row.uniqueid not in self._lives.young and self._precedes_boot(row):
                self._alive_at = row.at
        while len(self._channels) > MOST_OPEN:
            self._remove(next(iter(self._channels)))
        return ended

    def _precedes_boot(self, row: JournalRow) -> bool:
        return self.booted_at is None or row.at < self.booted_at

    def settle_boot(self) -> list[JournalLeg]:
        """The legs that Asterisk took with it when it ended before `booted_at`, estimated."""
        booted = self.booted_at
        self.booted_at = None
        if booted is None:
            return []
        return self._give_up([u for u, c in self._channels.items() if c.first.at < booted])

    def open_leg(self, key: ChannelKey) -> JournalLeg | None:
        """A trunk leg that has not ended, as far as it is known."""
        channel = self._channels.get(key.uniqueid)
        if channel is None or not self._is_trunk(channel.latest.channel):
            return None
        return self._leg(channel)

    def needed_from(self, end: JournalPosition) -> JournalPosition:
        """Where another reader has to begin to see all that is open, with `end` read so far.

        What began more than `PINNED_FOR` ago is left out: its end alone will do.
        """
        if self._read_at is None:
            return end
        horizon = self._read_at - PINNED_FOR
        oldest = min(
            (g for g in self._groups.values() if g.born_at > horizon),
            key=lambda group: group.serial,
            default=None,
        )
        return oldest.since if oldest is not None else end

    # --- rows ----------------------------------------------------------------------------------

    def _live(self, row: JournalRow, since: JournalPosition) -> None:
        channel = self._channels.get(row.uniqueid)
        if channel is None:
            group = self._group(row, since)
            group.channels.add(row.uniqueid)
            channel = self._channels[row.uniqueid] = _Open(row, group)
        else:
            self._follow(channel, row)
        if row.event == "ANSWER" and channel.answer is None:
            channel.answer = row
            if self._is_trunk(row.channel):
                self.answered.add(ChannelKey(self.pbx, row.uniqueid))
        elif row.event == HOOK_EVENT:
            witness = JournalWitness.of(row)
            channel.own = (*channel.own, witness)[-_MOST_WITNESSES:]
            channel.group.witnesses = (*channel.group.witnesses, witness)[-_MOST_WITNESSES:]

    def _group(self, row: JournalRow, since: JournalPosition) -> _Group:
        group = self._groups.get(row.linkedid)
        if group is None:
            group = self._groups[row.linkedid] = _Group(row, since, self._serial)
        return group

    def _follow(self, channel: _Open, row: JournalRow) -> None:
        """Take a channel's new name, and a new linkedid with all that was said under the old."""
        if not row.channel.endswith(">"):  # the names of zombies mean nothing
            channel.latest = row
        if row.linkedid == channel.linkedid:
            return
        left = channel.group
        joined = self._group(row, left.since)
        if left.serial < joined.serial:
            joined.since, joined.serial, joined.born_at = left.since, left.serial, left.born_at
        if not joined.witnesses:
            joined.witnesses = left.witnesses
        self._leave(row.uniqueid, channel)
        joined.channels.add(row.uniqueid)
        channel.group, channel.linkedid = joined, row.linkedid

    def _end(self, row: JournalRow, since: JournalPosition) -> JournalLeg | None:
        channel = self._channels.get(row.uniqueid)
        if channel is None:
            if row.event != "HANGUP":
                return None
            channel = _Open(row, _Group(row, since, self._serial))
        else:
            self._follow(channel, row)
            self._remove(row.uniqueid)
        if not self._is_trunk(channel.latest.channel):
            self.others_ended[ChannelKey(self.pbx, row.uniqueid)] = row.at
            return None
        return self._leg(channel, row.at, EndWitness.JOURNAL)

    def _remove(self, uniqueid: str) -> None:
        self.answered.discard(ChannelKey(self.pbx, uniqueid))
        self._leave(uniqueid, self._channels.pop(uniqueid))

    def _leave(self, uniqueid: str, channel: _Open) -> None:
        channel.group.channels.discard(uniqueid)
        if not channel.group.channels:
            self._groups.pop(channel.linkedid, None)

    def _give_up(self, uniqueids: Sequence[str]) -> list[JournalLeg]:
        """End channels at the last row that was written while they lived."""
        legs = []
        for uniqueid in uniqueids:
            channel = self._channels[uniqueid]
            self._remove(uniqueid)
            if self._is_trunk(channel.latest.channel):
                proven = max(self._alive_at or channel.latest.at, channel.latest.at)
                legs.append(self._leg(channel, proven, EndWitness.ESTIMATED))
        return legs

    def _is_trunk(self, name: str) -> bool:
        return name in self.trunks and not is_local(name)

    # --- legs ----------------------------------------------------------------------------------

    def _leg(
        self,
        channel: _Open,
        ended_at: datetime | None = None,
        witness: EndWitness | None = None,
    ) -> JournalLeg:
        first, answer = channel.first, channel.answer
        direction = _direction(channel) if channel.born else None
        inbound = direction is LegDirection.INBOUND
        told = _told_of_incoming(channel) if inbound else _told_of_dialled(channel)
        asker = first if inbound else channel.group.origin
        caller, number = _parties(first if inbound else None, told, asker)
        return JournalLeg(
            key=ChannelKey(self.pbx, first.uniqueid),
            channel=channel.latest.channel,
            linkedid=first.linkedid,
            direction=direction,
            started_at=first.at if channel.born else None,
            answered_at=answer.at if answer else None,
            ended_at=ended_at,
            witness=witness,
            owner=OwnerHints(
                tenants=_distinct(w.tenant for w in told),
                accountcodes=_distinct(
                    row.accountcode for row in (asker, first, answer) if row is not None
                ),
                did=asker.exten if self._is_trunk(asker.channel) else "",
                context=asker.context,
            ),
            caller=caller,
            number=number,
            since=channel.group.since,
        )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, names)))


def _direction(channel: _Open) -> LegDirection:
    """Which way a leg goes: one that was dialled begins at exten `s`, in nobody's dialplan.

    A carrier that sends its calls to `s` (as chan_pjsip's registrations do by default) looks
    like a leg that was originated, until it is answered: then the latter shows AppDial2.
    """
    first, answer = channel.first, channel.answer
    if first.exten != "s":
        return LegDirection.INBOUND
    by_itself = first.linkedid == first.uniqueid
    if by_itself and answer and answer.application and not _is_dialled(answer):
        return LegDirection.INBOUND
    return LegDirection.OUTBOUND


def _is_dialled(row: JournalRow) -> bool:
    return row.application.startswith(("AppDial", "AppQueue"))


def _told_of_incoming(channel: _Open) -> list[JournalWitness]:
    """The hooks on the leg itself, the first one first; then those of its call that say inbound."""
    others = [w for w in channel.group.witnesses if w.direction == LegDirection.INBOUND]
    return [*channel.own, *others]


def _told_of_dialled(channel: _Open) -> list[JournalWitness]:
    """The hooks that may have dialled the leg, the likeliest first; then those on itself."""
    dialled = channel.answer.exten if channel.answer else ""
    latest = {w.uniqueid: w for w in channel.before}.values()  # one hook replaces another
    meant = [w for w in latest if w.number and dialled.endswith(w.number)]
    return [*meant[::-1], *channel.before[::-1], *channel.own]


def _parties(
    incoming: JournalRow | None, told: Sequence[JournalWitness], asker: JournalRow
) -> tuple[str, str]:
    """Who called, and which number."""
    spoken = told[0] if told else None
    if incoming is not None:
        by_hook = incoming.exten == "s" and spoken is not None
        return incoming.caller, spoken.number if by_hook and spoken else incoming.exten
    if spoken is None:
        return asker.caller, asker.exten
    return spoken.caller or asker.caller, spoken.number
