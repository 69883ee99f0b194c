"""Metrics: a scrape of the counters and the live figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from pbxbilling.calls.live.load import Load
from pbxbilling.telemetry.facts.counters import TENANT_LABELS, Counters
from pbxbilling.telemetry.facts.counts import Count
from pbxbilling.telemetry.figures import LiveFigures, gauges, loads_by_label
from pbxbilling.telemetry.money_figures import money_gauges

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """`scrape` returns the body of GET /metrics; `counters` counts facts and faults."""

    def __init__(
        self,
        version: str,
        live: LiveFigures,
        lines_dropped: Callable[[], int],
        tenant_labels: int = TENANT_LABELS,
    ) -> None:
        self._version, self._live, self._lines_dropped = version, live, lines_dropped
        self.counters = Counters(tenant_labels)
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    async def scrape(self) -> bytes:
        """Return the exposition, of type `CONTENT_TYPE`.

        Figures are read in the event loop that owns them, the loads of many calls part by part;
        their text, which is most of the work, is built in a thread, so that no hook waits for it.
        """
        families = await self.families()
        return await asyncio.to_thread(exposition, families)

    async def families(self) -> list[Metric]:
        """Return all metrics at this moment."""
        loads = await loads_by_label(self._live, self.counters.labels)
        return list(self._families(loads))

    def _families(self, loads: Mapping[str, Load]) -> Iterator[Metric]:
        build = GaugeMetricFamily("pbxbilling_build_info", "Always 1.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield build
        yield from self.counters.families()
        dropped = Count(
            "pbxbilling_log_lines_dropped",
            "Log lines lost because the reader of the output was too slow.",
        )
        dropped.add(amount=self._lines_dropped())
        yield dropped.family()
        yield from money_gauges(self.counters.figures)
        yield from gauges(self._live, self.counters.labels, loads)
        yield from self._process.collect()


class _Snapshot(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """Return metric families in Prometheus' text format."""
    return generate_latest(_Snapshot(families))
