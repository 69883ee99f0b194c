"""A virtual channel, and the lines that describe it in an event."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

_STATES = {0: "Down", 4: "Ring", 5: "Ringing", 6: "Up"}


@dataclass(slots=True, eq=False)
class Channel:
    """One leg; `born_s` is monotonic."""

    name: str
    uniqueid: str
    linkedid: str
    state: int
    caller: str = ""
    accountcode: str = ""
    context: str = "default"
    exten: str = "s"
    variable: str = ""
    application: str = ""
    bridge: str = ""
    born_s: float = field(default_factory=time.monotonic)

    def block(self, prefix: str = "") -> str:
        """Return the lines of main/manager_channels.c, with channelvars=PBXBILLING."""
        lines = (
            ("Channel", self.name),
            ("ChannelState", self.state),
            ("ChannelStateDesc", _STATES[self.state]),
            ("CallerIDNum", self.caller or "<unknown>"),
            ("CallerIDName", "<unknown>"),
            ("ConnectedLineNum", "<unknown>"),
            ("ConnectedLineName", "<unknown>"),
            ("Language", "en"),
            ("AccountCode", self.accountcode),
            ("Context", self.context),
            ("Exten", self.exten),
            ("Priority", 1),
            ("Uniqueid", self.uniqueid),
            ("Linkedid", self.linkedid),
            ("ChanVariable", f"PBXBILLING={self.variable}"),
        )
        return "".join(f"{prefix}{key}: {value}\r\n" for key, value in lines)

    def row(self) -> str:
        """Return what CoreShowChannels adds to the block."""
        age = int(time.monotonic() - self.born_s)
        duration = f"{age // 3600:02d}:{age % 3600 // 60:02d}:{age % 60:02d}"
        return (
            f"{self.block()}Application: {self.application}\r\nApplicationData: \r\n"
            f"Duration: {duration}\r\nBridgeId: {self.bridge}\r\n"
        )
