"""The fixed words that calls are judged by."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A word of a list; it hashes as the text that it equals.

    StrEnum's own hash is a function in Python, of the member's name: as a key or in a set it costs
    three times as much, and a hook looks up a dozen of them.
    """

    __hash__ = str.__hash__
