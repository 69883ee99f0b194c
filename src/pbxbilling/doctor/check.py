"""What one look found: a value that a person or a program can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """How a check ended. Only `fail` makes the command fail."""

    OK = "ok"
    WARN = "warn"  # probably not meant, or it could not be found out
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One look at one thing. `mend` says what to do; it is empty only where all is well."""

    subject: str  # configuration, database, hook, or the name of a PBX
    name: str
    result: Result
    found: str
    mend: str = ""


def ok(subject: str, name: str, found: str) -> Check:
    """All is well."""
    return Check(subject, name, Result.OK, found)


def warn(subject: str, name: str, found: str, mend: str) -> Check:
    """Not as it should be, or not known."""
    return Check(subject, name, Result.WARN, found, mend)


def fail(subject: str, name: str, found: str, mend: str) -> Check:
    """Calls are not admitted, counted or recovered as they should be."""
    return Check(subject, name, Result.FAIL, found, mend)
