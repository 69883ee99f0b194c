"""What calls need from outside, a PBX that obeys and the store; and what others ask of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.records import (
    CallRecord,
    DecisionRecord,
    LegAssigned,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.calls.views import CallView, StatusView
from pbxbilling.kernel.ports import RecordStore


class PbxControl(Protocol):
    """What we ask a PBX to do."""

    async def channel_exists(self, name: str) -> bool | None:
        """Whether a channel of this name lives; None where the PBX did not answer."""
        ...

    async def absolute_timeout(self, channel: str, seconds: float) -> bool:
        """Hang the channel up that long from now; False where it is gone or nobody answered."""
        ...


class CallStore(RecordStore, Protocol):
    """Keeps calls, legs and decisions, and how far each PBX is known."""

    async def open_calls(self) -> list[CallRecord]:
        """Calls that have not ended."""
        ...

    async def open_legs(self) -> list[LegRecord]:
        """Answered trunk legs that have not ended."""
        ...

    async def legs(self, keys: Iterable[ChannelKey]) -> dict[ChannelKey, LegRecord]:
        """What is known of these trunk legs; unknown ones are left out."""
        ...

    async def unowned_legs(self) -> list[LegRecord]:
        """Answered and ended trunk legs that belong to nobody, newest first."""
        ...

    async def estimated_legs(
        self, *, tenant: str | None = None, month: str | None = None
    ) -> list[LegRecord]:
        """Ended legs that are `LegRecord.estimated`, newest first; None does not filter."""
        ...

    async def merges(self, since: datetime) -> Mapping[str, str]:
        """Calls joined to an older one since then: younger id → older id."""
        ...

    async def usage(self, *, tenant: str | None = None, month: str | None = None) -> list[UsageRow]:
        """Usage by tenant, month and direction, ended legs only; None does not filter."""
        ...

    async def decisions(
        self,
        *,
        tenant: str | None = None,
        since: datetime | None = None,
        refused: bool = False,
        limit: int = 1000,
    ) -> list[DecisionRecord]:
        """Decisions, newest first; `refused` keeps those that were or would have been refused."""
        ...

    async def marks(self) -> dict[str, PbxMark]:
        """How far each PBX is known."""
        ...


class Live(Protocol):
    """The ledger of live calls, as administration sees it. Nothing here waits."""

    def calls(self, tenant: str | None = None) -> Iterable[CallView]:
        """Live calls, the oldest first, each as it is when it is taken; None does not filter."""
        ...

    def release(self, call: str, actor: str) -> CallView | None:
        """Take the slot from one call, and say what it was; None for a call that is not live."""
        ...

    def status(self) -> StatusView:
        """The daemon at this moment."""
        ...

    def load(self, tenant: str) -> Load:
        """What the tenant holds against its limits at this moment."""
        ...

    def allowance_left_s(self, tenant: str) -> float | None:
        """Seconds left of a hard allowance, live legs drawing; None for one that is not hard."""
        ...

    def assigned(self, leg: LegAssigned) -> None:
        """An ended leg was given to a tenant: its allowance is drawn on from now on."""
        ...
