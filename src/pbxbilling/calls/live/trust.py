"""Whose counts are true: a PBX is trusted while its picture is whole and its link is not stale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class PbxTrust:
    """What is known of one PBX's link. `unsure_since`: events may be missing since (monotonic)."""

    pbx: str
    connected: bool = False
    reconciled: bool = False
    unsure_since: float | None = None
    heard_at: datetime | None = None  # last proof of life
    booted_mono: float | None = None  # by the uptime at the last login
    boot_disproved: bool = False  # it lists channels of before: a wall clock was stepped
    down_since: float | None = None  # monotonic; None while it is up, and before the first attempt
    announced_stale: bool = True  # nothing was ever whole: nobody needs to be told that it ended


class Trust:
    """The links of all PBXes, judged by `stale_s`: how long a picture with a gap still counts."""

    def __init__(self, pbxes: Iterable[str], stale_s: float) -> None:
        self.links = {pbx: PbxTrust(pbx) for pbx in pbxes}
        self.stale_s = stale_s

    def take_up(self, pbx: str, heard_at: datetime | None) -> None:
        """A PBX joins, with what an earlier run heard of it; to be trusted it is reconciled."""
        self.links[pbx] = PbxTrust(pbx, heard_at=heard_at)

    def let_go(self, pbx: str) -> None:
        """A PBX leaves; one that is not there is no fault."""
        self.links.pop(pbx, None)

    def trusts(self, pbx: str, mono: float) -> bool:
        """Whether limits may be enforced by what is known of this PBX."""
        link = self.links.get(pbx)
        if link is None or not link.reconciled:
            return False
        return link.unsure_since is None or mono - link.unsure_since <= self.stale_s

    def trusts_all(self, mono: float) -> bool:
        """Whether no PBX is in doubt: its counts would lock nobody out."""
        for pbx in self.links:  # noqa: SIM110  every hook asks, and a generator takes thrice as long
            if not self.trusts(pbx, mono):
                return False
        return True

    def trusted(self, mono: float) -> frozenset[str]:
        """The PBXes whose counts are true."""
        return frozenset(pbx for pbx in self.links if self.trusts(pbx, mono))
