"""Why a command cannot be done as things stand: each message says why, and the mend."""

from __future__ import annotations


class AdministrationError(Exception):
    """What was asked for cannot be done as things stand; the message says why, and the mend."""


class NotKnownError(AdministrationError):
    """There is nothing of the name that was given."""


class NeedsDaemonError(AdministrationError):
    """Only a running daemon knows the live calls."""


def in_words(error: BaseException) -> str:
    """A fault that nobody foresaw, for the log: its words alone say too little."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(in_words, error.exceptions))
    return f"{type(error).__name__}: {error}"
