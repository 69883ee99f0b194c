"""A daemon's figures at a scrape, set by a test."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pbxbilling.calls.live.load import Load
from pbxbilling.calls.views import (
    BrokerView,
    JournalState,
    PbxView,
    StatusView,
    StoreView,
    TrunkView,
)
from pbxbilling.kernel.codes import Mode


@dataclass
class Figures:
    """A settable implementation of `LiveFigures`."""

    held: dict[str | None, Load] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    mode: Mode = Mode.ENFORCE
    connected: bool = True
    pending: int = 0
    unowned: int = 0
    mqtt: BrokerView | None = None
    trunks: tuple[TrunkView, ...] = ()

    def loads(self) -> Iterator[Mapping[str | None, Load]]:
        yield self.held

    def call_limit(self, tenant: str) -> int | None:
        return self.limits.get(tenant)

    def store_oldest_s(self) -> float:
        return self.pending * 0.5

    def status(self) -> StatusView:
        pbx = PbxView(
            name="pbx1",
            connected=self.connected,
            reconciled=self.connected,
            stale=False,
            heard_at=None,
            journal=JournalState.READABLE,
            calls=0,
            trunks=self.trunks,
        )
        return StatusView(
            version="0",
            mode=self.mode,
            since=datetime(2026, 11, 21, tzinfo=UTC),
            config_error=None,
            pbxes=(pbx,),
            store=StoreView(self.pending),
            tenants=0,
            calls=0,
            trunk_legs=0,
            unowned_legs=self.unowned,
            mqtt=self.mqtt,
        )


class Unscraped(Figures):
    """The same for tests that never read the metrics."""

    async def scrape(self) -> bytes:
        """Return nothing."""
        return b""
