"""Figures read at a scrape instead of being counted: tenants' loads, and the daemon's status."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pbxbilling.calls.live.load import NOTHING, Load
from pbxbilling.calls.views import BrokerView, OldPortView, StatusView
from pbxbilling.kernel.codes import Direction, Mode
from pbxbilling.telemetry.facts.counts import TenantLabels


class LiveFigures(Protocol):
    """The daemon's figures at the moment of a scrape."""

    def loads(self) -> Iterator[Mapping[str | None, Load]]:
        """Yield each tenant's load, in parts to be added up; None is the load without a tenant.

        Idle tenants may be left out; other tasks may run between two parts.
        """
        ...

    def call_limit(self, tenant: str) -> int | None:
        """Return the `max_calls` in force for a tenant; None is unlimited."""
        ...

    def status(self) -> StatusView:
        """Return mode, links, the store's queue, legs without a tenant."""
        ...

    def store_oldest_s(self) -> float:
        """Return how long the oldest record has been waiting to be written; 0 when none is."""
        ...


async def loads_by_label(live: LiveFigures, labels: TenantLabels) -> dict[str, Load]:
    """Return the load of each label: the sum of its tenants' loads."""
    loads: dict[str, Load] = {}
    for part in live.loads():
        for tenant, load in part.items():
            label = labels.of(tenant)
            loads[label] = loads.get(label, NOTHING).plus(load)
        await asyncio.sleep(0)
    for tenant in labels.own():  # an idle tenant shows zero instead of disappearing
        loads.setdefault(tenant, Load())
    return loads


def gauges(live: LiveFigures, labels: TenantLabels, loads: Mapping[str, Load]) -> Iterator[Metric]:
    """Yield the gauges of one scrape; `loads` come from `loads_by_label`."""
    yield from _tenant_gauges(live, labels, loads)
    yield from _status_gauges(live)


def _tenant_gauges(
    live: LiveFigures, labels: TenantLabels, loads: Mapping[str, Load]
) -> Iterator[GaugeMetricFamily]:
    calls = GaugeMetricFamily(
        "pbxbilling_calls", "Live calls by tenant and direction.", labels=("tenant", "direction")
    )
    legs = GaugeMetricFamily("pbxbilling_trunk_legs", "Live trunk legs.", labels=("tenant",))
    limits = GaugeMetricFamily(
        "pbxbilling_call_limit",
        "Calls that the tenant may have at once (max_calls); no sample where unlimited.",
        labels=("tenant",),
    )
    for tenant, load in loads.items():
        for direction in Direction:
            calls.add_metric((tenant, direction), getattr(load, direction))
        legs.add_metric((tenant,), load.trunk_legs)
    for tenant in labels.own():
        if (limit := live.call_limit(tenant)) is not None:
            limits.add_metric((tenant,), limit)
    yield from (calls, legs, limits)


def _status_gauges(live: LiveFigures) -> Iterator[Metric]:
    status = live.status()
    yield _by_pbx(
        "pbxbilling_ami_connected",
        "1 while logged in to this PBX's manager interface.",
        ((pbx.name, pbx.connected) for pbx in status.pbxes),
    )
    yield _by_pbx(
        "pbxbilling_reconciled",
        "1 while the counts of this PBX are reliable; at 0 its hooks are judged as in log mode.",
        ((pbx.name, pbx.ready) for pbx in status.pbxes),
    )
    yield from _trunk_gauges(status)
    mode = GaugeMetricFamily("pbxbilling_mode", "1 for the mode in force.", labels=("mode",))
    for one in Mode:
        mode.add_metric((one,), float(one is status.mode))
    yield mode
    yield GaugeMetricFamily(
        "pbxbilling_unowned_legs",
        "Answered trunk legs that belong to no tenant and wait for `usage assign`.",
        value=status.unowned_legs,
    )
    yield CounterMetricFamily(
        "pbxbilling_unowned_hooks",
        "Hooks that were judged without a tenant: nothing limited their calls.",
        value=status.unowned.hooks,
    )
    yield GaugeMetricFamily(
        "pbxbilling_store_pending_records",
        "Records in memory that are not yet written.",
        value=status.store.pending,
    )
    yield GaugeMetricFamily(
        "pbxbilling_store_oldest_record_seconds",
        "Age of the oldest record that is not yet written.",
        value=live.store_oldest_s(),
    )
    yield CounterMetricFamily(
        "pbxbilling_store_dropped",
        "Decisions that were never written: the queue was full.",
        value=status.store.dropped,
    )
    yield from _broker_figures(status.mqtt)
    yield _old_port_figure(status.old_port)


def _trunk_gauges(status: StatusView) -> Iterator[Metric]:
    """Yield the trunks that have a capacity."""
    used = GaugeMetricFamily(
        "pbxbilling_trunk_channels_used", "Live legs of a trunk.", labels=("pbx", "trunk")
    )
    capacity = GaugeMetricFamily(
        "pbxbilling_trunk_channels", "Channels that a trunk has.", labels=("pbx", "trunk")
    )
    for pbx in status.pbxes:
        for trunk in pbx.trunks:
            used.add_metric((pbx.name, trunk.trunk), trunk.used)
            capacity.add_metric((pbx.name, trunk.trunk), trunk.channels)
    yield from (used, capacity)


def _old_port_figure(old_port: OldPortView | None) -> Metric:
    """Return the old port's counter, without a sample if the port of 0.1 is not configured."""
    hooks = CounterMetricFamily(
        "pbxbilling_agi_old_port_hooks", "Hooks that came to port 4573, the default of 0.1."
    )
    if old_port is not None:
        hooks.add_metric((), old_port.hooks)
    return hooks


def _broker_figures(mqtt: BrokerView | None) -> Iterator[Metric]:
    """Yield the broker's metrics, without samples if MQTT is not enabled: nothing is down then."""
    connected = GaugeMetricFamily(
        "pbxbilling_mqtt_connected", "1 while the MQTT broker takes messages."
    )
    queue = GaugeMetricFamily("pbxbilling_mqtt_queue", "Events that wait for the MQTT broker.")
    dropped = CounterMetricFamily(
        "pbxbilling_mqtt_dropped", "Events that never reached the MQTT broker: the queue was full."
    )
    if mqtt is not None:
        connected.add_metric((), float(mqtt.connected))
        queue.add_metric((), mqtt.queued)
        dropped.add_metric((), mqtt.dropped)
    yield from (connected, queue, dropped)


def _by_pbx(name: str, text: str, values: Iterable[tuple[str, bool]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=("pbx",))
    for pbx, value in values:
        family.add_metric((pbx,), float(value))
    return family
