"""Which channels are in a bridge together."""

from __future__ import annotations

from pbxbilling.calls.live.call import Channel


class Bridges:
    """The non-empty bridges of all PBXes."""

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], list[Channel]] = {}

    def enter(self, channel: Channel, bridge: str) -> list[Channel]:
        """Put a channel into a bridge and return the channels that were in it already."""
        self.leave(channel)
        members = self._members.setdefault((channel.key.pbx, bridge), [])
        others = list(members)
        members.append(channel)
        channel.bridge = bridge
        return others

    def leave(self, channel: Channel) -> None:
        """Take a channel out of its bridge, if it is in one."""
        if not channel.bridge:
            return
        at = (channel.key.pbx, channel.bridge)
        members = self._members.get(at)
        channel.bridge = ""
        if members is not None and channel in members:
            members.remove(channel)
            if not members:
                del self._members[at]
