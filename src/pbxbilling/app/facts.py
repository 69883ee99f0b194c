"""Where facts go: one fact, many sinks."""

from __future__ import annotations

from collections.abc import Iterable

from pbxbilling.domain.facts import Fact
from pbxbilling.ports import EventSink


class Facts:
    """Hands each fact to every sink, in order; sinks join while the daemon is built."""

    def __init__(self) -> None:
        self._sinks: tuple[EventSink, ...] = ()

    def join(self, sinks: Iterable[EventSink]) -> None:
        """Tell these too, from now on."""
        self._sinks = (*self._sinks, *sinks)

    def __call__(self, fact: Fact) -> None:
        """Tell everybody."""
        for sink in self._sinks:
            sink(fact)
