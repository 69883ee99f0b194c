"""What identifies a channel, and what its name says about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import translate
from typing import NamedTuple


class ChannelKey(NamedTuple):
    """Permanent key of an Asterisk channel: Rename and masquerade change its name, not this."""

    pbx: str
    uniqueid: str

    def __str__(self) -> str:
        """Return the id under which a leg is billed, `pbx:uniqueid`."""
        return f"{self.pbx}:{self.uniqueid}"

    @classmethod
    def parse(cls, text: str) -> ChannelKey:
        """Parse `pbx:uniqueid`; the PBX's name may contain colons."""
        pbx, _, uniqueid = text.rpartition(":")
        return cls(pbx, uniqueid)


class ChannelState(IntEnum):
    """The values of AMI's `ChannelState` (asterisk/channelstate.h)."""

    DOWN = 0
    RESERVED = 1
    OFF_HOOK = 2
    DIALING = 3
    RING = 4
    RINGING = 5
    UP = 6
    BUSY = 7
    DIALING_OFF_HOOK = 8
    PRERING = 9


def endpoint_of(name: str) -> str:
    """Return the endpoint in a channel's name: `PJSIP/carrier-0000002a` → `PJSIP/carrier`.

    An endpoint can contain dashes, so only the last one ends it; the half of a Local pair
    (`Local/7@ctx-0000001;2`) keeps its context.
    """
    return name.rpartition("-")[0] or name


def is_local(name: str) -> bool:
    """Return whether the name is that of a Local channel, which never weighs anything."""
    return name.startswith("Local/")


_WILD = re.compile(r"[*?[]")  # characters that `translate` does not take literally


class Trunks:
    """The trunk endpoints of one PBX, such as `PJSIP/carrier`; `*` is a wildcard."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        wild = {pattern for pattern in self.patterns if _WILD.search(pattern)}
        self._exact = frozenset(self.patterns) - wild
        self._wild = re.compile("|".join(map(translate, wild))) if wild else None

    def __contains__(self, name: str) -> bool:
        """Return whether the channel of this name is on a trunk endpoint."""
        return self.matches(endpoint_of(name))

    def matches(self, endpoint: str) -> bool:
        """Return whether an endpoint is one of the trunks."""
        if endpoint in self._exact:
            return True
        return self._wild is not None and self._wild.match(endpoint) is not None


@dataclass(frozen=True, slots=True)
class Inherited:
    """A channel's `PBXBILLING` variable, by which a restarted daemon recognizes its call."""

    tenant: str
    direction: str
    call: str
    flags: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Inherited | None:
        """Parse the variable; None where it is empty or not ours. Ignores unknown fields."""
        fields = text.split("|")
        if len(fields) < 8 or fields[0] != "ADMIT":
            return None
        return cls(fields[1], fields[2], fields[6], frozenset(filter(None, fields[7].split(","))))
