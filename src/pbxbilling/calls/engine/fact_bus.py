"""Hand each fact to the sinks that want it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.facts import CallChanged, CallEnded, CallStarted, LegAnswered
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import EventSink

# Facts that every call emits. Most sinks want facts of accounts and money only, and calling each
# of them for each of these would take as long as judging the call.
OF_CALLS = frozenset({AdmissionDecided, CallStarted, CallChanged, CallEnded, LegAnswered})


class FactBus:
    """Hands each fact to the sinks in the order in which they joined, as the daemon was built."""

    def __init__(self) -> None:
        self._joined: list[tuple[EventSink, Collection[type]]] = []
        self._sinks_of: dict[type, tuple[EventSink, ...]] = {}  # a cache, by the type of fact

    def join(self, sinks: Iterable[EventSink], *, besides: Collection[type] = ()) -> None:
        """Add sinks that get all facts from now on but those of the types in `besides`."""
        self._joined += ((sink, besides) for sink in sinks)
        self._sinks_of.clear()

    def __call__(self, fact: Fact) -> None:
        """Hand the fact to its sinks."""
        kind = type(fact)
        sinks = self._sinks_of.get(kind)
        if sinks is None:
            sinks = tuple(sink for sink, besides in self._joined if kind not in besides)
            self._sinks_of[kind] = sinks
        for sink in sinks:
            sink(fact)
