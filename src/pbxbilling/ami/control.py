"""Snapshots of a PBX and orders to it, in the terms of calls; lets no AMI error through."""

from __future__ import annotations

from datetime import datetime

from pbxbilling.ami.actions import ActionError
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.messages.mapping import row_of
from pbxbilling.ami.observer import LinkObserver
from pbxbilling.ami.rights import beyond_need
from pbxbilling.calls.live.signals import ChannelSeen, Snapshot
from pbxbilling.kernel.ports import Clock

_NO_CHANNEL = "No such channel"
_SHORTEST_S = 0.001  # Asterisk takes no timeout of 0


class AmiControl:
    """Queries and orders over one link; implements the port `PbxControl`.

    Asterisk's lookup by channel takes a Uniqueid as well as a name (main/channel.c,
    ast_channel_get_by_name), and a Uniqueid never changes: prefer it.
    """

    def __init__(self, link: AmiLink, observer: LinkObserver, clock: Clock) -> None:
        self.stamped = True  # whether the PBX stamps its events; if not, our clock is used for all
        self._link = link
        self._observer = observer
        self._clock = clock

    async def snapshot(self) -> Snapshot:
        """Return the live channels. Anything short of a whole list is not `complete`.

        `asked_at` is by the PBX's own clock, if it answers, else by ours. Awaited directly, this
        returns before any later event reaches the sink.
        """
        pbx = self._link.pbx
        asked_s = self._clock.monotonic()
        asked_at = await self._time()
        rows: list[ChannelSeen] = []

        def take(text: str) -> None:
            row = row_of(pbx, text)
            if row is None:
                self._observer.unmapped(pbx, "CoreShowChannel")
            else:
                rows.append(row)

        try:
            answer = await self._link.ask("CoreShowChannels", row=take)
        except ActionError as fault:
            return Snapshot(
                pbx, (), complete=False, asked_at=asked_at, asked_s=asked_s, problem=str(fault)
            )
        complete = answer.listed == len(rows)
        problem = "" if complete else f"{len(rows)} rows of {answer.listed}: {answer.message}"
        return Snapshot(pbx, tuple(rows), complete, asked_at, asked_s, problem)

    async def _time(self) -> datetime:
        """Return the time by the PBX's clock, else by ours."""
        try:
            pbx_time = await self._link.time() if self.stamped else None
        except ActionError:
            pbx_time = None
        return pbx_time or self._clock.now()

    async def channel_exists(self, name: str) -> bool | None:
        """Return whether a channel (name or Uniqueid) lives; None where the PBX did not say."""
        try:
            answer = await self._link.ask("Status", [("Channel", name)])
        except ActionError:
            return None
        if answer.good:
            return True
        return False if answer.message == _NO_CHANNEL else None

    async def rights_beyond_need(self) -> tuple[str, ...]:
        """Return our user's rights that nothing here uses; none if the PBX did not say."""
        try:
            answer = await self._link.ask("ListCommands")
        except ActionError:
            return ()
        return beyond_need(answer.fields) if answer.good else ()

    async def absolute_timeout(self, channel: str, seconds: float) -> bool:
        """Order a hangup of a channel (name or Uniqueid) in `seconds`, replacing an earlier order.

        0 or less is at once. Return False where the channel is gone or the PBX did not answer.
        """
        limit = f"{max(seconds, _SHORTEST_S):.3f}"
        try:
            answer = await self._link.ask(
                "AbsoluteTimeout", [("Channel", channel), ("Timeout", limit)]
            )
        except ActionError:
            return False
        return answer.good
