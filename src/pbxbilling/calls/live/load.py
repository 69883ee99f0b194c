"""What a tenant holds against its limits, and the limit that a new call would exceed."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.kernel.codes import Reason


@dataclass(frozen=True, slots=True)
class Breach:
    """The first limit or status that stands against a call; `used` of `limit` if it is counted."""

    reason: Reason
    used: int | None = None
    limit: int | None = None


@dataclass(slots=True, init=False)
class Load:
    """What a tenant holds at one moment: calls by direction, and trunk legs.

    `forwards` are those of the inbound calls that lead outside as well.

    Treat it as immutable. Not frozen, and with a hand-written `__init__`: each hook makes two
    (docs/decisions/0011-a-compiled-core.md).
    """

    outbound: int
    inbound: int
    internal: int
    trunk_legs: int
    forwards: int

    def __init__(
        self,
        outbound: int = 0,
        inbound: int = 0,
        internal: int = 0,
        trunk_legs: int = 0,
        forwards: int = 0,
    ) -> None:
        self.outbound = outbound
        self.inbound = inbound
        self.internal = internal
        self.trunk_legs = trunk_legs
        self.forwards = forwards

    def calls(self, *, count_internal: bool) -> int:
        """Return the calls that `max_calls` counts.

        Without `count_internal`, colleagues who talk to each other do not block the outside line.
        """
        return self.outbound + self.inbound + (self.internal if count_internal else 0)

    @property
    def leading_outside(self) -> int:
        """The calls that `max_outbound_calls` counts."""
        return self.outbound + self.forwards

    def plus(self, other: Load) -> Load:
        """Return the sum of both loads."""
        return self.turned(NOTHING, other)

    def turned(self, before: Load, after: Load) -> Load:
        """Return this load with its part `before` replaced by `after`."""
        return Load(
            self.outbound + after.outbound - before.outbound,
            self.inbound + after.inbound - before.inbound,
            self.internal + after.internal - before.internal,
            self.trunk_legs + after.trunk_legs - before.trunk_legs,
            self.forwards + after.forwards - before.forwards,
        )


NOTHING = Load()
