"""How full each trunk is: its live legs against the channels that it has, `trunk_channels`.

It refuses nothing: whose call is one too many, nobody can say in a tenant's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import replace

from pbxbilling.calls.live.channel import Trunks, endpoint_of
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.pbx_facts import TrunkHasRoom, TrunkNearlyFull
from pbxbilling.calls.views import TrunkView
from pbxbilling.kernel.ports import Clock, EventSink

CHANNELS_A_STEP = 512
ROOM_PERCENT = 70  # below it a trunk that was nearly full has room again

# PBX → trunk, as `trunk_channels` names it → how many channels it has.
Capacities = Mapping[str, Mapping[str, int]]


class TrunkUse:
    """Counts the legs of every trunk that has a capacity, whoever's they are, and warns at 80 %.

    A leg counts for each trunk that matches its endpoint. Each count is taken anew, in steps, so
    that no call waits for it; `of` returns the last one.
    """

    def __init__(self, ledger: Ledger, clock: Clock, emit: EventSink) -> None:
        self._ledger = ledger
        self._clock = clock
        self._emit = emit
        self._patterns: dict[str, dict[str, Trunks]] = {}  # PBX → trunk → what matches it
        self._views: dict[str, dict[str, TrunkView]] = {}
        self._nearly_full: set[tuple[str, str]] = set()  # PBX and trunk

    def change(self, capacities: Capacities) -> None:
        """Put other capacities in force; the last counts are shown against them at once."""
        before, self._views = self._views, {}
        for pbx, trunks in capacities.items():
            shown = before.get(pbx, {})
            self._views[pbx] = {
                trunk: TrunkView(trunk, shown[trunk].used if trunk in shown else 0, channels)
                for trunk, channels in trunks.items()
            }
        self._patterns = {
            pbx: {trunk: Trunks((trunk,)) for trunk in trunks}
            for pbx, trunks in capacities.items()
            if trunks
        }
        self._nearly_full = {(p, t) for p, t in self._nearly_full if t in self._views.get(p, ())}

    def of(self, pbx: str) -> tuple[TrunkView, ...]:
        """Return the trunks of a PBX that have a capacity, as they were last counted."""
        return tuple(self._views.get(pbx, {}).values())

    def count(self) -> Generator[None, None, None]:
        """Count the legs, then publish which trunks became nearly full, and which have room."""
        patterns = self._patterns
        if not patterns:
            return
        used = yield from self._used(patterns)
        if patterns is not self._patterns:
            return  # the configuration changed meanwhile: the next count is for the new one
        for pbx, trunks in patterns.items():
            for trunk in trunks:
                view = replace(self._views[pbx][trunk], used=used[pbx, trunk])
                self._views[pbx][trunk] = view
                self._publish(pbx, view)

    def _used(
        self, patterns: Mapping[str, Mapping[str, Trunks]]
    ) -> Generator[None, None, Counter[tuple[str, str]]]:
        used: Counter[tuple[str, str]] = Counter()
        matching: dict[tuple[str, str], list[tuple[str, str]]] = {}  # by PBX and endpoint
        channels = list(self._ledger.channels.values())
        for start in range(0, len(channels), CHANNELS_A_STEP):
            for channel in channels[start : start + CHANNELS_A_STEP]:
                pbx = channel.key.pbx
                if not channel.trunk or pbx not in patterns:
                    continue
                endpoint = endpoint_of(channel.name)
                if (pbx, endpoint) not in matching:
                    these = patterns[pbx].items()
                    matching[pbx, endpoint] = [(pbx, t) for t, p in these if p.matches(endpoint)]
                used.update(matching[pbx, endpoint])
            yield
        return used

    def _publish(self, pbx: str, view: TrunkView) -> None:
        key, use = (pbx, view.trunk), (pbx, view.trunk, view.used, view.channels)
        if view.nearly_full and key not in self._nearly_full:
            self._nearly_full.add(key)
            self._emit(TrunkNearlyFull(self._clock.now(), *use))
        elif key in self._nearly_full and 100 * view.used < ROOM_PERCENT * view.channels:
            self._nearly_full.discard(key)
            self._emit(TrunkHasRoom(self._clock.now(), *use))
