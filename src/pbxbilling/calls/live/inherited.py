"""What a channel says of its call: by it a daemon knows the call again after its own restart."""

from __future__ import annotations

from dataclasses import dataclass


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
