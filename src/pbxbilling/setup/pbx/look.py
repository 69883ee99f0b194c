"""What a PBX has, read from its files: trunks, endpoints, dialplan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pbxbilling.setup.conf.reader import read
from pbxbilling.setup.pbx.dialplan import Dialplan, dialplan_of
from pbxbilling.setup.pbx.endpoints import Endpoint, endpoints
from pbxbilling.setup.pbx.trunks import trunks


@dataclass(frozen=True, slots=True)
class Found:
    """What a PBX has; `trunks` as `[[pbx]] trunks` names them."""

    trunks: Sequence[str]
    endpoints: Sequence[Endpoint]
    dialplan: Dialplan
    unread: Sequence[str]
    """What could not be read, as `place: reason`."""

    def leading_outside(self) -> list[Endpoint]:
        """Return the endpoints that are trunks."""
        return [
            one
            for one in self.endpoints
            if any(fnmatchcase(one.channel, trunk) for trunk in self.trunks)
        ]


def look(etc: Path, given: Sequence[str]) -> Found:
    """Read what a PBX has; trunks that are given replace those that would be found."""
    conf = read(etc, "extensions.conf")
    dialplan = dialplan_of(conf)
    found, unread = endpoints(etc)
    return Found(given or trunks(dialplan, found), found, dialplan, [*conf.unread, *unread])
