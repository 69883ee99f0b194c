"""What a tenant holds against its limits, and the limit that is in the way."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.kernel.codes import Reason


@dataclass(frozen=True, slots=True)
class Breach:
    """The first limit or status in the way; `used` of `limit` where there are numbers."""

    reason: Reason
    used: int | None = None
    limit: int | None = None


@dataclass(slots=True, init=False)
class Load:
    """What a tenant holds at one moment, besides the call that is asked for.

    Whoever is given one leaves it as it is. Not frozen, and with its own `__init__`: each hook
    makes two (docs/decisions/0011-a-compiled-core.md).
    """

    outbound: int
    inbound: int
    internal: int
    trunk_legs: int

    def __init__(
        self,
        outbound: int = 0,
        inbound: int = 0,
        internal: int = 0,
        trunk_legs: int = 0,
    ) -> None:
        self.outbound = outbound
        self.inbound = inbound
        self.internal = internal
        self.trunk_legs = trunk_legs

    def calls(self, *, count_internal: bool) -> int:
        """Calls that `max_calls` counts: five colleagues who chat do not block the outside line."""
        return self.outbound + self.inbound + (self.internal if count_internal else 0)

    def plus(self, other: Load) -> Load:
        """Both together."""
        return self.turned(NOTHING, other)

    def turned(self, before: Load, after: Load) -> Load:
        """This load with one part of it in place of another."""
        return Load(
            self.outbound + after.outbound - before.outbound,
            self.inbound + after.inbound - before.inbound,
            self.internal + after.internal - before.internal,
            self.trunk_legs + after.trunk_legs - before.trunk_legs,
        )


NOTHING = Load()
