"""Proofs of life: until when a channel with an unseen end is known to have lived."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Proof(NamedTuple):
    """A proof of life: `at` by its PBX's clock, `mono` when it reached us (monotonic)."""

    at: datetime
    mono: float


class LastProof:
    """Until when every channel of one PBX without a reported end is proven to have lived.

    While no event is missing, that is the latest message of the PBX, whatever its subject. Once
    events may be missing it stays fixed, until a complete snapshot leaves no channel in doubt.
    """

    def __init__(self, proof: Proof | None = None) -> None:
        """Start from the `proof` of an earlier run; events are missing since then."""
        self._proof = proof
        self._listed: Proof | None = None
        self._missing_since: float | None = float("-inf")

    @property
    def missing(self) -> bool:
        """Whether events may be missing."""
        return self._missing_since is not None

    def until(self, heard: Proof | None) -> Proof | None:
        """Return the last proof; `heard` is the latest message of the PBX. None: no proof."""
        return self._proof if self.missing else heard

    def fell(self, heard: Proof | None, mono: float) -> None:
        """Note that the link fell at `mono`: events after `heard` are missing."""
        if not self.missing:
            self._proof = heard or self._listed
        self._missing_since = mono

    def lost(self, mono: float) -> None:
        """Note that a message, of an unknown channel, was lost at `mono`."""
        self.fell(None, mono)

    def whole(self, asked: Proof) -> None:
        """Note that a complete snapshot, requested at `asked`, left no channel in doubt."""
        self._listed = asked
        if self._missing_since is not None and self._missing_since < asked.mono:
            self._missing_since = None
