"""Which PBXes have true counts: those with a complete snapshot and a link that is not stale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class PbxTrust:
    """State of one PBX's link. `unsure_since`: when events may have gone missing (monotonic)."""

    pbx: str
    connected: bool = False
    reconciled: bool = False
    unsure_since: float | None = None
    heard_at: datetime | None = None  # last proof of life
    booted_mono: float | None = None  # by the uptime at the last login
    boot_disproved: bool = False  # it lists channels older than its boot: a wall clock was stepped
    down_since: float | None = None  # monotonic; None while it is up, and before the first attempt
    announced_stale: bool = True  # from the start: a PBX never reconciled needs no `Stale` fact


class Trust:
    """The links of all PBXes; a link with missing events stays trusted for `stale_s` seconds."""

    def __init__(self, pbxes: Iterable[str], stale_s: float) -> None:
        self.links = {pbx: PbxTrust(pbx) for pbx in pbxes}
        self.stale_s = stale_s

    def take_up(self, pbx: str, heard_at: datetime | None) -> None:
        """Add a PBX, last heard at `heard_at` by an earlier run; untrusted until reconciled."""
        self.links[pbx] = PbxTrust(pbx, heard_at=heard_at)

    def let_go(self, pbx: str) -> None:
        """Remove a PBX, if it is there."""
        self.links.pop(pbx, None)

    def trusts(self, pbx: str, mono: float) -> bool:
        """Return whether limits may be enforced by the counts of this PBX."""
        link = self.links.get(pbx)
        if link is None or not link.reconciled:
            return False
        return link.unsure_since is None or mono - link.unsure_since <= self.stale_s

    def trusts_all(self, mono: float) -> bool:
        """Return whether every PBX is trusted, so that no untrue count refuses a call."""
        for pbx in self.links:  # noqa: SIM110 - on every hook; a generator takes three times as long
            if not self.trusts(pbx, mono):
                return False
        return True

    def trusted(self, mono: float) -> frozenset[str]:
        """Return the PBXes with true counts."""
        return frozenset(pbx for pbx in self.links if self.trusts(pbx, mono))
