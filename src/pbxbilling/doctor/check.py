"""Defines the result of one check, which an operator or a program can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """How a check ended. Only `fail` makes the command fail."""

    OK = "ok"
    WARN = "warn"  # probably a mistake, or it could not be determined
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of checking one thing. `mend` is the fix; it is empty only if all is well."""

    subject: str  # configuration, database, hook, or the name of a PBX
    name: str
    result: Result
    found: str
    mend: str = ""


def ok(subject: str, name: str, found: str) -> Check:
    """Build a check that found no problem."""
    return Check(subject, name, Result.OK, found)


def warn(subject: str, name: str, found: str, mend: str) -> Check:
    """Build a check that found a probable mistake, or nothing certain."""
    return Check(subject, name, Result.WARN, found, mend)


def fail(subject: str, name: str, found: str, mend: str) -> Check:
    """Build a failed check: calls are not admitted, counted or recovered as they should be."""
    return Check(subject, name, Result.FAIL, found, mend)
