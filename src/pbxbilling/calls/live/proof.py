"""Proofs of life: until when a channel whose end nobody saw is known to have lived."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Proof(NamedTuple):
    """Something lived then: `at` by its PBX's clock, `mono` when it reached us (monotonic)."""

    at: datetime
    mono: float


class LastProof:
    """Until when every channel of one PBX of which no end was told is proven to have lived.

    As long as no event is missing that is the last word of the PBX, whatever it was about. From
    the moment at which events may be missing it stands still, until a whole snapshot leaves no
    channel in doubt.
    """

    def __init__(self, proof: Proof | None = None) -> None:
        """`proof`: what an earlier run knew. Events are missing since then."""
        self._proof = proof
        self._listed: Proof | None = None
        self._missing_since: float | None = float("-inf")

    @property
    def missing(self) -> bool:
        """Whether events may be missing."""
        return self._missing_since is not None

    def until(self, heard: Proof | None) -> Proof | None:
        """The last proof, where `heard` is the last word of the PBX; None: there is none."""
        return self._proof if self.missing else heard

    def fell(self, heard: Proof | None, mono: float) -> None:
        """The link fell at `mono`: what comes after `heard` is missing."""
        if not self.missing:
            self._proof = heard or self._listed
        self._missing_since = mono

    def lost(self, mono: float) -> None:
        """A message was lost at `mono`, and nobody knows of which channel it was."""
        self.fell(None, mono)

    def whole(self, asked: Proof) -> None:
        """A whole snapshot, asked for then, left no channel in doubt."""
        self._listed = asked
        if self._missing_since is not None and self._missing_since < asked.mono:
            self._missing_since = None
