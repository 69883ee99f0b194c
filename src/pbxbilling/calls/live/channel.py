"""What identifies a channel, and what its name says about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import translate
from typing import NamedTuple


class ChannelKey(NamedTuple):
    """One Asterisk channel for good: names change by Rename and masquerade, this does not."""

    pbx: str
    uniqueid: str

    def __str__(self) -> str:
        """The id under which a leg is billed, `pbx:uniqueid`."""
        return f"{self.pbx}:{self.uniqueid}"

    @classmethod
    def parse(cls, text: str) -> ChannelKey:
        """Read `pbx:uniqueid`; a name of a PBX may hold colons."""
        pbx, _, uniqueid = text.rpartition(":")
        return cls(pbx, uniqueid)


class ChannelState(IntEnum):
    """`ChannelState` of AMI, as far as it matters (asterisk/channelstate.h)."""

    DOWN = 0
    RESERVED = 1
    OFF_HOOK = 2
    DIALING = 3
    RING = 4
    RINGING = 5
    UP = 6


def endpoint_of(name: str) -> str:
    """The endpoint in a channel's name: `PJSIP/carrier-0000002a` → `PJSIP/carrier`.

    An endpoint can hold dashes, so only the last one ends it; the half of a Local pair
    (`Local/7@ctx-0000001;2`) keeps its context.
    """
    return name.rpartition("-")[0] or name


def is_local(name: str) -> bool:
    """Whether the name is that of a Local channel, which weighs nothing anywhere."""
    return name.startswith("Local/")


_WILD = re.compile(r"[*?[]")  # what `translate` does not take as it stands


class Trunks:
    """The endpoints of one PBX that lead outside: `PJSIP/carrier`, `*` allowed in a name."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        wild = {pattern for pattern in self.patterns if _WILD.search(pattern)}
        self._exact = frozenset(self.patterns) - wild
        self._wild = re.compile("|".join(map(translate, wild))) if wild else None

    def __contains__(self, name: str) -> bool:
        """Whether the channel of this name stands on a trunk."""
        endpoint = endpoint_of(name)
        if endpoint in self._exact:
            return True
        return self._wild is not None and self._wild.match(endpoint) is not None


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a channel's `PBXBILLING` variable says of its call: how a daemon knows it again."""

    tenant: str
    direction: str
    call: str
    flags: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Inherited | None:
        """Read the variable; None where it is empty or not ours. Unknown fields are ignored."""
        fields = text.split("|")
        if len(fields) < 8 or fields[0] != "ADMIT":
            return None
        return cls(fields[1], fields[2], fields[6], frozenset(filter(None, fields[7].split(","))))
