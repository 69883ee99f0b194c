"""Shapes of Asterisk's journal (CEL): rows, the legs that they add up to, and positions.

From it the daemon recovers legs that began, were answered or ended while it did not listen.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.kernel.codes import LegDirection


class JournalPosition(NamedTuple):
    """How far a journal was read: `offset` bytes of the file that begins as `file` says.

    Empty: nothing was ever read.
    """

    file: str = ""
    offset: int = 0


class JournalRow(NamedTuple):
    """One line of the journal, with the columns of config/asterisk/cel_custom_pbxbilling.conf."""

    event: str
    at: datetime  # aware UTC, microseconds
    uniqueid: str
    linkedid: str
    channel: str
    accountcode: str = ""
    context: str = ""
    exten: str = ""
    caller: str = ""
    dnid: str = ""
    application: str = ""
    extra: str = ""  # JSON
    whole_seconds: bool = False  # `at` is rounded down
    dated: bool = False  # `at` was written as a local time, without its zone

    def details(self) -> Mapping[str, Any]:
        """Parse `extra`; empty where it is not a JSON object."""
        try:
            details = json.loads(self.extra)
        except (ValueError, RecursionError):
            return {}
        return details if isinstance(details, dict) else {}


class JournalBatch(NamedTuple):
    """Rows between two positions, in the order in which they were written.

    `skipped` counts lines that are not rows. `gap`: the file read last is gone, so rows may be
    missing before these.
    """

    start: JournalPosition
    end: JournalPosition
    rows: tuple[JournalRow, ...]
    skipped: int = 0
    gap: bool = False


class Journal(Protocol):
    """The journal of one PBX."""

    path: str

    def batches(self, after: JournalPosition) -> AsyncIterator[JournalBatch]:
        """Yield what was written since `after`, in bounded batches; nothing if nothing is new.

        Raises JournalError where the journal cannot be read.
        """
        ...


class JournalError(Exception):
    """A journal cannot be read; the message names the file, the fault and the fix."""


class JournalWitness(NamedTuple):
    """A hook's row about who pays, by the subroutine's first line: `CELGenUserEvent(PBXBILLING,…)`.

    `tenant` is a slug or an account code. It is empty where the site relies on the channel's own
    `accountcodes` and `context`, which leave out those of channels that asked earlier.
    """

    uniqueid: str
    caller: str
    direction: str
    tenant: str
    number: str
    accountcodes: tuple[str, ...] = ()
    context: str = ""

    @classmethod
    def of(cls, row: JournalRow) -> JournalWitness:
        """Parse a row with the `extra` `{"extra":"outbound|globex|3201"}`; parts may be missing."""
        details = row.details()
        text = str(details.get("extra", "")) if details else row.extra
        direction, _, rest = text.partition("|")
        tenant, _, number = rest.partition("|")
        return cls(row.uniqueid, row.caller, direction, tenant, number)


class OwnerHints(NamedTuple):
    """Evidence of a leg's tenant; `Settler.owner` has the order of precedence.

    `hooks` are those that may have dialled the leg, the likeliest first; `did`, `accountcodes` and
    `context` are of the leg and of the channel that began the call; `others` are account codes of
    the call's other channels.
    """

    hooks: tuple[JournalWitness, ...] = ()
    accountcodes: tuple[str, ...] = ()
    did: str = ""
    context: str = ""
    others: tuple[str, ...] = ()

    @property
    def tenants(self) -> tuple[str, ...]:
        """Tenants named by hooks, without repeats."""
        return tuple(dict.fromkeys(hook.tenant for hook in self.hooks if hook.tenant))


@dataclass(frozen=True, slots=True)
class JournalLeg:
    """One trunk channel as the journal has it; `ended_at` None while it is open.

    `started_at` and `direction` are None where its beginning was not read: then it only completes
    what is known otherwise, and proves nothing by itself. `since` is the position from which all
    of it can be read again. `gone_by`: by when an end without a row had happened.
    `whole_seconds`: its times are rounded down, so AMI's count where they differ by less.
    """

    key: ChannelKey
    channel: str
    linkedid: str
    direction: LegDirection | None
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    witness: EndWitness | None
    owner: OwnerHints
    caller: str
    number: str
    since: JournalPosition
    gone_by: datetime | None = None
    whole_seconds: bool = False
