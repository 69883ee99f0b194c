"""Describes the faults of a configuration: all of them at once, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbxbilling.kernel.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the place, the key, and what was expected there.

    `source` is the file's path, or `environment variable PBXBILLING_…` for a value from there;
    `line` is 1-based, None if there is no line to point at. `key` is dotted, as
    `agi.deadline_ms` or `pbx[0].port`; empty for the file as a whole.
    """

    source: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return ": ".join(filter(None, (place, self.key, self.message)))


class ConfigError(ServiceError):
    """The configuration is unusable. `faults` holds every reason, in the file's order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line or 0, fault.key)))
        super().__init__("\n".join(map(str, self.faults)))
