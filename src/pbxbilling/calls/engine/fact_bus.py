"""Where facts go: one fact, many sinks."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.facts import CallChanged, CallEnded, CallStarted, LegAnswered
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import EventSink

# What every call makes several of. Most sinks hear of accounts and money alone, and to ask each of
# them at each call would take as long as judging it.
OF_CALLS = frozenset({AdmissionDecided, CallStarted, CallChanged, CallEnded, LegAnswered})


class FactBus:
    """Hands each fact to the sinks, in order; they join while the daemon is built."""

    def __init__(self) -> None:
        self._joined: list[tuple[EventSink, Collection[type]]] = []
        self._told: dict[type, tuple[EventSink, ...]] = {}  # who hears of facts of a kind

    def join(self, sinks: Iterable[EventSink], *, besides: Collection[type] = ()) -> None:
        """Tell these too, from now on, of all facts but those of some kinds."""
        self._joined += ((sink, besides) for sink in sinks)
        self._told.clear()

    def __call__(self, fact: Fact) -> None:
        """Tell everybody."""
        kind = type(fact)
        sinks = self._told.get(kind)
        if sinks is None:
            sinks = tuple(sink for sink, besides in self._joined if kind not in besides)
            self._told[kind] = sinks
        for sink in sinks:
            sink(fact)
