"""Ports of calls: control of a PBX, the store, and the live ledger as commands see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.records import (
    ALL_LEGS,
    CallRecord,
    DecisionQuery,
    DecisionRow,
    LegAssigned,
    LegPart,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.calls.views import CallKey, CallView, StatusView
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.ports import RecordStore


class PbxControl(Protocol):
    """Requests and orders to a PBX."""

    async def channel_exists(self, name: str) -> bool | None:
        """Return whether a channel of this name exists; None where the PBX did not answer."""
        ...

    async def absolute_timeout(self, channel: str, seconds: float) -> bool:
        """Hang the channel up in so many seconds; False where it is gone or the PBX is silent."""
        ...


class CallStore(RecordStore, Protocol):
    """Stores calls, legs and decisions, and how far each PBX is known."""

    async def open_calls(self) -> list[CallRecord]:
        """Return the calls that have not ended."""
        ...

    async def open_legs(self) -> list[LegRecord]:
        """Return the answered trunk legs that have not ended."""
        ...

    async def legs(self, keys: Iterable[ChannelKey]) -> dict[ChannelKey, LegRecord]:
        """Return the records of these trunk legs; unknown ones are left out."""
        ...

    async def unowned_legs(self, part: LegPart = ALL_LEGS) -> list[LegRecord]:
        """Return answered and ended trunk legs without a tenant, newest first."""
        ...

    async def estimated_legs(
        self, *, tenant: str | None = None, month: str | None = None, part: LegPart = ALL_LEGS
    ) -> list[LegRecord]:
        """Return ended legs that are `LegRecord.estimated`, newest first; None does not filter."""
        ...

    async def merges(self, since: datetime) -> Mapping[str, str]:
        """Return the calls joined to an older one since then: younger id → older id."""
        ...

    async def usage(
        self,
        *,
        tenant: str | None = None,
        month: str | None = None,
        among: Sequence[str] | None = None,
    ) -> list[UsageRow]:
        """Return usage by tenant, month and direction, ended legs only; None does not filter.

        `among` limits it to several tenants.
        """
        ...

    async def decisions(self, wanted: DecisionQuery) -> list[DecisionRow]:
        """Return the decisions that are wanted, the newest first."""
        ...

    async def marks(self) -> dict[str, PbxMark]:
        """Return how far each PBX is known, by its name."""
        ...


class LiveView(Protocol):
    """What commands see of the running daemon's live calls. Nothing here waits or has effects."""

    def calls(self, tenant: str | None = None, after: CallKey | None = None) -> Iterable[CallView]:
        """Yield live calls, oldest first, each viewed when it is taken; None does not filter.

        With `after` those that follow a place.
        """
        ...

    def status(self) -> StatusView:
        """Return the state of the daemon at this moment."""
        ...

    def load(self, tenant: str) -> Load:
        """Return what the tenant holds against its limits at this moment."""
        ...

    def allowance_left_s(self, tenant: str) -> float | None:
        """Return the seconds left of a hard allowance, counting live legs; None: not hard."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """The running daemon's live calls, for commands: what they see, and what they do to them.

    `release` gives back a call's slot for an actor and returns the call's last view, None if it is
    not live. `assigned` books an ended leg that a tenant was given: it draws on its allowance.
    """

    view: LiveView
    release: Callable[[str, Actor], CallView | None]
    assigned: Callable[[LegAssigned], None]
