"""The base classes of all rows that a store writes. Each subject defines its own records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pbxbilling.runtime.compiled import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Record:
    """A whole row, keyed as its docstring says; writing it again changes nothing.

    The base has no fields, so that a record may be frozen or not, compiled or not
    (docs/decisions/0011-a-compiled-core.md).
    """

    __slots__ = ()


@mypyc_attr(allow_interpreted_subclasses=True)
class QueuedRecord(Record):
    """A record that waits in the store's queue, so that its caller does not wait for the disk."""

    __slots__ = ()

    @property
    @abstractmethod
    def queue_key(self) -> Hashable | None:
        """The key of its row: of records of one class and key, only one waits.

        None: each record is a row of its own, and all of them wait.
        """
        raise NotImplementedError

    def gives_way_to(self, later: Self) -> bool:  # noqa: ARG002
        """Return whether `later`, of the same class and key, replaces this record in the queue."""
        return True


def nothing_more(_: object) -> tuple[Record, ...]:
    """Return no records: nothing else is saved with what was done."""
    return ()


def any_version(_: object) -> None:
    """Agree to change whatever is there now."""


@dataclass(frozen=True, slots=True)
class Cursor(Record):
    """The work of that name is done until `at`; keyed by `name`."""

    name: str
    at: datetime
