"""What Asterisk's own journal (CEL) tells: its rows, the legs they add up to, how far it was read.

It is what recovers the daemon: legs that began, were answered or ended while nobody listened.
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
    """How far a journal was read: so many bytes of the file that begins as `file` says.

    Empty: nothing was ever read.
    """

    file: str = ""
    offset: int = 0


class JournalRow(NamedTuple):
    """One line of the journal, the columns of config/asterisk/cel_custom_pbxbilling.conf."""

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

    def told(self) -> Mapping[str, Any]:
        """What `extra` holds; empty where it is no JSON object."""
        try:
            told = json.loads(self.extra)
        except (ValueError, RecursionError):
            return {}
        return told if isinstance(told, dict) else {}


class JournalBatch(NamedTuple):
    """Rows that stand between two positions, in the order in which they were written.

    `skipped` counts lines that are no rows. `gap` where the file that was read last is gone, so
    that rows may be missing before these.
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
        """What was written since `after`, in bounded batches; none where there is nothing new.

        Raises JournalError.
        """
        ...


class JournalError(Exception):
    """A journal cannot be read: the message names the file, the fault and the mend."""


class JournalWitness(NamedTuple):
    """Who pays, as the subroutine's first line says it: `CELGenUserEvent(PBXBILLING,…)`.

    `tenant` is a slug or an account code; empty where the site leaves it to what the channel has
    of its own: `accountcodes` and `context`, without what those had who asked before it.
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
        """Read a row whose `extra` is `{"extra":"outbound|globex|3201"}`; what lacks is empty."""
        told = row.told()
        text = str(told.get("extra", "")) if told else row.extra
        direction, _, rest = text.partition("|")
        tenant, _, number = rest.partition("|")
        return cls(row.uniqueid, row.caller, direction, tenant, number)


class OwnerHints(NamedTuple):
    """What tells whose a leg is, in the order of precedence: the first one that is known counts.

    `hooks` are those that may have dialled the leg, the likeliest first; `did`, `accountcodes` and
    `context` are of the leg and of what began the call; `others` the account codes of the call's
    other channels.
    """

    hooks: tuple[JournalWitness, ...] = ()
    accountcodes: tuple[str, ...] = ()
    did: str = ""
    context: str = ""
    others: tuple[str, ...] = ()

    @property
    def tenants(self) -> tuple[str, ...]:
        """The names that hooks gave."""
        return tuple(dict.fromkeys(hook.tenant for hook in self.hooks if hook.tenant))


@dataclass(frozen=True, slots=True)
class JournalLeg:
    """One trunk channel as the journal has it; `ended_at` None while it is open.

    `started_at` and `direction` are None where its beginning was not in what was read: then it
    completes what is known otherwise, and proves nothing by itself. `since` is the position from
    which on all of it can be read again. `gone_by`: by when an end that was not written had come.
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
