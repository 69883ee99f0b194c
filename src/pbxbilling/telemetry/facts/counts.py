"""Counters: what each is called, and their plain numbers, made metric families only at a scrape.

prometheus-client's own `inc` takes a lock and 0.4 µs, its `observe` 0.9 µs; a hook needs several of
them in a budget of ten µs. One event loop does all the counting here, so a dict entry suffices.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from pbxbilling.accounts.terms.tenant import UNOWNED
from pbxbilling.billing.figures import FiguresTaken

OTHER = "_other"  # tenants beyond the cap, together


class TenantLabels:
    """Which tenants have a label of their own: the first `cap` that showed any activity.

    The others share `_other`, as a site of 100,000 tenants would otherwise have a million series.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._labels: dict[str | None, str] = {None: UNOWNED}

    def of(self, tenant: str | None) -> str:
        """Return the label of a tenant."""
        return self._labels.get(tenant) or self._new(tenant)

    def own(self) -> list[str]:
        """Return the tenants with a label of their own, in the order of their first activity."""
        return [tenant for tenant in self._labels if tenant is not None]

    def _new(self, tenant: str | None) -> str:
        if tenant is None or len(self._labels) > self._cap:
            return OTHER
        self._labels[tenant] = tenant
        return tenant


L = TypeVar("L", bound=tuple[str, ...])


class CounterSpec(Generic[L]):
    """A counter as a scrape shows it: name without `pbxbilling_`, help text, names of its labels.

    `starts`: labels that are shown as 0 from the start, so that a rate sees their first event.
    """

    def __init__(self, name: str, text: str, labels: L, *, starts: tuple[L, ...] = ()) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.starts = starts


class Count:
    """One counter: a number for each combination of its labels."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self.values: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, labels: tuple[str, ...] = (), amount: float = 1) -> None:
        """Add to the number of these labels."""
        self.values[labels] = self.values.get(labels, 0) + amount

    def family(self) -> CounterMetricFamily:
        """Return the metric family for a scrape."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in self.values.items():
            family.add_metric(labels, value)
        return family


class Counts:
    """The numbers of all counters, with the tenants' labels; `figures` are the latest published."""

    def __init__(self, specs: Iterable[CounterSpec[Any]], tenant_labels: int) -> None:
        """`specs`: every counter that is ever added to; `tenant_labels`: see `TenantLabels`."""
        self.tenants = TenantLabels(tenant_labels)
        self.figures: FiguresTaken | None = None
        self._counts: dict[CounterSpec[Any], Count] = {}
        for spec in specs:
            count = Count(f"pbxbilling_{spec.name}", spec.text, *spec.labels)
            self._counts[spec] = count
            for labels in spec.starts:
                count.add(labels, 0)

    def add(self, spec: CounterSpec[L], labels: L, amount: float = 1) -> None:
        """Add to a counter's number of these labels."""
        self._counts[spec].add(labels, amount)

    def families(self) -> list[CounterMetricFamily]:
        """Return the metric families for a scrape."""
        return [count.family() for count in self._counts.values()]


class Spread:
    """One histogram without labels."""

    def __init__(self, name: str, text: str, bounds: tuple[float, ...]) -> None:
        self._name, self._text, self._bounds = name, text, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value in its bucket; one on a bound belongs to the bucket below."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> HistogramMetricFamily:
        """Return the metric family for a scrape, with cumulative buckets."""
        buckets: list[tuple[str, float]] = []
        reached = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            reached += count
            buckets.append((bound, reached))
        family = HistogramMetricFamily(self._name, self._text)
        family.add_metric((), buckets, self._sum)
        return family
