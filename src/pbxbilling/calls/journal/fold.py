"""Fold the rows of a journal into trunk legs; the state is only what has not ended yet.

The rules are those of docs/reference/calls.md. The journal does not show how a channel without a
HANGUP row ended: after a restart of Asterisk such legs end at the last row before it, marked
estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pbxbilling.calls.journal.channels import Conversation, OpenChannel, is_trunk, leg_of
from pbxbilling.calls.journal.journal import JournalLeg, JournalPosition, JournalRow
from pbxbilling.calls.journal.restarts import RestartDetector
from pbxbilling.calls.live.channel import ChannelKey, Trunks
from pbxbilling.calls.live.records import EndWitness

HOOK_EVENT = "PBXBILLING"
PINNED_FOR = timedelta(days=2)  # what is open for longer is not read again after a restart
MOST_OPEN = 100_000  # channels; beyond that the oldest are dropped

# Rows that prove a live channel, even one with an unread beginning. LINKEDID_END is not among
# them: it comes late, and with a linkedid that the channel may have left.
_ALIVE = frozenset({"CHAN_START", "ANSWER", "BRIDGE_ENTER", HOOK_EVENT})
_ENDS = frozenset({"HANGUP", "CHAN_END"})


class Boot(NamedTuple):
    """The interval in which Asterisk was started: its uptime has whole seconds."""

    earliest: datetime
    latest: datetime


class JournalFold:
    """Takes the rows of one PBX in order, and gives each trunk leg when it has ended.

    `answered` holds open trunk legs with an answer that was read; the reader removes each one it
    has used. `others_ended` holds the ends of channels that are not trunk legs; the reader clears
    it after use.
    """

    def __init__(self, pbx: str, trunks: Trunks) -> None:
        self.pbx = pbx
        self.trunks = trunks
        self.boot: Boot | None = None
        self.answered: set[ChannelKey] = set()
        self.others_ended: dict[ChannelKey, datetime] = {}
        self._channels: dict[str, OpenChannel] = {}
        self._conversations: dict[str, Conversation] = {}
        self._restarts = RestartDetector()
        self._read_at: datetime | None = None  # the last row
        self._alive_at: datetime | None = None  # the last row that is certainly before `boot`
        self._serial = 0

    def feed(
        self, rows: Iterable[JournalRow], since: JournalPosition, *, torn: bool = False
    ) -> list[JournalLeg]:
        """Take rows that can be read again from `since`; return the legs that they end.

        `torn`: rows may be missing before or between these, even the end of an open channel. Only
        a channel's own rows then prove that it lived.
        """
        self._serial += 1
        ended: list[JournalLeg] = []
        if torn:
            self._doubt(self._alive_at)
        for row in rows:
            if row.event == "CHAN_START" and self._restarts.begin_anew(row.uniqueid):
                others = [u for u in self._channels if u not in self._restarts.young]
                ended += self._give_up(others, row.at)
                self._restarts.young.clear()
            leg = self._take(row, since)
            if leg is not None:
                ended.append(leg)
            self._read_at = row.at
            if row.uniqueid not in self._restarts.young and self._precedes_boot(row):
                self._alive_at = row.at
        while len(self._channels) > MOST_OPEN:
            self._remove(next(iter(self._channels)))
        if torn:
            self._doubt(None)
        return ended

    def _doubt(self, alive_at: datetime | None) -> None:
        """Fix the last proof of life of open channels at `alive_at` (None: at their own rows)."""
        for channel in self._channels.values():
            if channel.proven_at is None:
                channel.proven_at = max(alive_at or channel.latest.at, channel.latest.at)

    def _precedes_boot(self, row: JournalRow) -> bool:
        return self.boot is None or row.at < self.boot.earliest

    def settle_boot(self) -> list[JournalLeg]:
        """Return, with estimated ends, the legs open when Asterisk stopped before `boot`."""
        boot, self.boot = self.boot, None
        if boot is None:
            return []
        gone = [u for u, c in self._channels.items() if self._is_of_before(boot, u, c)]
        return self._give_up(gone, boot.latest)

    def _is_of_before(self, boot: Boot, uniqueid: str, channel: OpenChannel) -> bool:
        """Return whether the channel is older than the boot; within its second Uniqueids decide."""
        began = channel.first.at
        return began < boot.earliest or (
            began < boot.latest and uniqueid not in self._restarts.young
        )

    def open_leg(self, key: ChannelKey) -> JournalLeg | None:
        """Return a trunk leg that has not ended, as far as it is known; None if there is none."""
        channel = self._channels.get(key.uniqueid)
        if channel is None or not is_trunk(channel.latest.channel, self.trunks):
            return None
        return self._leg(channel)

    def needed_from(self, end: JournalPosition) -> JournalPosition:
        """Return where another reader must begin to see all that is open, with `end` read so far.

        What began more than `PINNED_FOR` ago is left out: for that its end alone is enough.
        """
        if self._read_at is None:
            return end
        horizon = self._read_at - PINNED_FOR
        oldest = min(
            (one for one in self._conversations.values() if one.born_at > horizon),
            key=lambda one: one.serial,
            default=None,
        )
        return oldest.since if oldest is not None else end

    # --- rows ----------------------------------------------------------------------------------

    def _take(self, row: JournalRow, since: JournalPosition) -> JournalLeg | None:
        """Take one row; return the leg that it ends, if any."""
        if row.event in _ENDS:
            return self._end(row, since)
        if row.event in _ALIVE:
            self._live(row, since)
        elif row.event == "BLINDTRANSFER":
            self._transfer(row)
        return None

    def _live(self, row: JournalRow, since: JournalPosition) -> None:
        channel = self._channels.get(row.uniqueid)
        if channel is None:
            conversation = self._conversation(row, since)
            conversation.channels.add(row.uniqueid)
            conversation.note_born(row.accountcode)
            channel = self._channels[row.uniqueid] = OpenChannel(row, conversation)
        else:
            self._follow(channel, row)
        if row.event == "ANSWER" and channel.answer is None:
            channel.answer = row
            if is_trunk(row.channel, self.trunks):
                self.answered.add(ChannelKey(self.pbx, row.uniqueid))
        elif row.event == HOOK_EVENT:
            channel.hear(row)
        elif row.event == "BRIDGE_ENTER":
            channel.asked_since_bridge = False

    def _transfer(self, row: JournalRow) -> None:
        details = row.details()
        channel = self._channels.get(str(details.get("transferee_channel_uniqueid", "")))
        if channel is not None:
            others = [self._channels[each] for each in channel.conversation.channels]
            channel.transfer(str(details.get("context", "")), others)

    def _conversation(self, row: JournalRow, since: JournalPosition) -> Conversation:
        conversation = self._conversations.get(row.linkedid)
        if conversation is None:
            conversation = self._conversations[row.linkedid] = Conversation(
                row, since, self._serial
            )
        return conversation

    def _follow(self, channel: OpenChannel, row: JournalRow) -> None:
        """Follow a channel to a new name or linkedid, taking the old linkedid's evidence along."""
        if not row.channel.endswith(">"):  # ignore the names of zombies
            channel.latest = row
        if row.linkedid == channel.linkedid:
            return
        left = channel.conversation
        joined = self._conversation(row, left.since)
        joined.take_over(left)
        self._leave(row.uniqueid, channel)
        joined.channels.add(row.uniqueid)
        channel.conversation, channel.linkedid = joined, row.linkedid

    def _end(self, row: JournalRow, since: JournalPosition) -> JournalLeg | None:
        channel = self._channels.get(row.uniqueid)
        if channel is None:
            if row.event != "HANGUP":
                return None
            channel = OpenChannel(row, Conversation(row, since, self._serial))
        else:
            self._follow(channel, row)
            self._remove(row.uniqueid)
        if not is_trunk(channel.latest.channel, self.trunks):
            self.others_ended[ChannelKey(self.pbx, row.uniqueid)] = row.at
            return None
        return self._leg(channel, row.at, EndWitness.JOURNAL)

    def _remove(self, uniqueid: str) -> None:
        self.answered.discard(ChannelKey(self.pbx, uniqueid))
        self._leave(uniqueid, self._channels.pop(uniqueid))

    def _leave(self, uniqueid: str, channel: OpenChannel) -> None:
        channel.conversation.channels.discard(uniqueid)
        if not channel.conversation.channels:
            self._conversations.pop(channel.linkedid, None)

    def _give_up(self, uniqueids: Sequence[str], gone_by: datetime) -> list[JournalLeg]:
        """End channels, estimated, at the last row that proves them alive; return their legs."""
        legs = []
        for uniqueid in uniqueids:
            channel = self._channels[uniqueid]
            self._remove(uniqueid)
            if is_trunk(channel.latest.channel, self.trunks):
                alive_at = channel.proven_at or self._alive_at or channel.latest.at
                proven = max(alive_at, channel.latest.at)
                legs.append(self._leg(channel, proven, EndWitness.ESTIMATED, gone_by))
        return legs

    def _leg(
        self,
        channel: OpenChannel,
        ended_at: datetime | None = None,
        witness: EndWitness | None = None,
        gone_by: datetime | None = None,
    ) -> JournalLeg:
        key = ChannelKey(self.pbx, channel.first.uniqueid)
        return leg_of(channel, key, self.trunks, ended_at, witness, gone_by)
