"""A scrape's view of the facts so far and of the figures at that moment."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pbxbilling.calls.admission.decision import EMERGENCY, Decision
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.load import Breach, Load
from pbxbilling.calls.live.signals import Shutdown
from pbxbilling.calls.views import TrunkView
from pbxbilling.kernel.codes import Mode, Outcome, Reason
from pbxbilling.kernel.facts import ConfigReloaded
from pbxbilling.telemetry.facts.table import ROWS
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.metrics import Metrics
from pbxbilling.telemetry.observers import HookWatch, LinkWatch
from tests.support.billing.figures import Figures
from tests.support.kernel.samples import AT
from tests.support.telemetry.facts import ENDED_LEG, KEY, LEG, decided, one_of_each

ROOT = Path(__file__).parents[3]


@pytest.fixture
def live() -> Figures:
    return Figures()


@pytest.fixture
def metrics(live: Figures) -> Metrics:
    return Metrics("1.2.3", live, lines_dropped=lambda: 4)


async def samples(metrics: Metrics) -> dict[str, float]:
    text = (await metrics.scrape()).decode()
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def own_samples(metrics: Metrics) -> dict[str, float]:
    found = await samples(metrics)
    return {name: value for name, value in found.items() if name.startswith("pbxbilling_")}


def sample(name: str, **labels: str) -> str:
    return name + json.dumps(labels, sort_keys=True)


async def test_a_verdict_counts_by_tenant_verdict_and_reason(metrics: Metrics) -> None:
    over = Decision(Outcome.REFUSE, Reason.MAX_CALLS, Breach(Reason.MAX_CALLS, 5, 5))
    for _ in range(2):
        metrics.counters.sink(decided(over))
    metrics.counters.sink(decided())
    metrics.counters.sink(decided(tenant=None))
    found = await samples(metrics)
    name = "pbxbilling_admission_decisions_total"
    assert found[sample(name, tenant="acme", verdict="refuse", reason="max_calls")] == 2
    assert found[sample(name, tenant="acme", verdict="admit", reason="ok")] == 1
    assert found[sample(name, tenant="_unowned", verdict="admit", reason="ok")] == 1


async def test_an_emergency_call_has_a_counter_of_its_own(metrics: Metrics) -> None:
    metrics.counters.sink(decided(EMERGENCY, number="112"))
    found = await samples(metrics)
    assert found[sample("pbxbilling_emergency_calls_total", tenant="acme")] == 1


async def test_usage_is_the_answered_seconds_of_ended_trunk_legs(metrics: Metrics) -> None:
    metrics.counters.sink(LegEnded(AT, ENDED_LEG))
    metrics.counters.sink(LegEnded(AT, replace(ENDED_LEG, talk_us=500_000)))
    metrics.counters.sink(LegEnded(AT, LEG))
    found = await samples(metrics)
    name = "pbxbilling_usage_seconds_total"
    assert found[sample(name, tenant="acme", direction="outbound")] == 61.5


async def test_the_histogram_holds_only_sessions_that_got_a_verdict(metrics: Metrics) -> None:
    metrics.counters.session_ended("answered", 0.0001)
    metrics.counters.session_ended("deadline", 0.3)
    metrics.counters.session_ended("silent", 0.2)
    found = await samples(metrics)
    assert found[sample("pbxbilling_admission_seconds_bucket", le="0.0001")] == 1
    assert found[sample("pbxbilling_admission_seconds_bucket", le="0.1")] == 1
    assert found[sample("pbxbilling_admission_seconds_bucket", le="+Inf")] == 2
    assert found[sample("pbxbilling_admission_seconds_count")] == 2
    assert found[sample("pbxbilling_agi_sessions_total", ending="silent")] == 1


async def test_live_figures_are_asked_at_the_scrape(metrics: Metrics, live: Figures) -> None:
    live.held = {"acme": Load(2, 1, 3, 4), None: Load(0, 1, 0, 1)}
    live.limits = {"acme": 5}
    live.pending, live.unowned = 7, 2
    found = await samples(metrics)
    assert found[sample("pbxbilling_calls", tenant="acme", direction="outbound")] == 2
    assert found[sample("pbxbilling_calls", tenant="acme", direction="internal")] == 3
    assert found[sample("pbxbilling_calls", tenant="_unowned", direction="inbound")] == 1
    assert found[sample("pbxbilling_trunk_legs", tenant="acme")] == 4
    assert found[sample("pbxbilling_call_limit", tenant="acme")] == 5
    assert found[sample("pbxbilling_ami_connected", pbx="pbx1")] == 1
    assert found[sample("pbxbilling_mode", mode="enforce")] == 1
    assert found[sample("pbxbilling_mode", mode="off")] == 0
    assert found[sample("pbxbilling_store_pending_records")] == 7
    assert found[sample("pbxbilling_unowned_legs")] == 2
    assert found[sample("pbxbilling_log_lines_dropped_total")] == 4
    assert found[sample("pbxbilling_build_info", version="1.2.3")] == 1


async def test_a_tenant_that_went_idle_is_shown_as_zero(metrics: Metrics, live: Figures) -> None:
    live.held = {"acme": Load(outbound=2)}
    await samples(metrics)
    live.held = {}
    found = await samples(metrics)
    assert found[sample("pbxbilling_calls", tenant="acme", direction="outbound")] == 0


async def test_an_unlimited_tenant_has_no_limit_and_zero_is_a_limit(
    metrics: Metrics, live: Figures
) -> None:
    live.held = {"free": Load(1), "closed": Load(1)}
    live.limits = {"closed": 0}
    found = await samples(metrics)
    assert sample("pbxbilling_call_limit", tenant="free") not in found
    assert found[sample("pbxbilling_call_limit", tenant="closed")] == 0


async def test_tenants_beyond_the_cap_share_one_label_and_none_is_lost(live: Figures) -> None:
    metrics = Metrics("0", live, lambda: 0, tenant_labels=2)
    for tenant in ("a", "b", "c", "d", "a"):
        metrics.counters.sink(decided(tenant=tenant))
    live.held = {"a": Load(1), "c": Load(1), "d": Load(2)}
    found = await samples(metrics)
    name = "pbxbilling_admission_decisions_total"
    counted = {t: found.get(sample(name, tenant=t, verdict="admit", reason="ok")) for t in "abcd"}
    assert counted == {"a": 2, "b": 1, "c": None, "d": None}
    assert found[sample(name, tenant="_other", verdict="admit", reason="ok")] == 2
    assert found[sample("pbxbilling_calls", tenant="_other", direction="outbound")] == 3


async def test_reloads_are_there_from_the_start_and_count_by_result(metrics: Metrics) -> None:
    name = "pbxbilling_config_reloads_total"
    assert (await samples(metrics))[sample(name, result="error")] == 0
    metrics.counters.sink(ConfigReloaded(AT, Mode.LOG))
    metrics.counters.sink(ConfigReloaded(AT, Mode.LOG, "FILE:3: …"))
    found = await samples(metrics)
    assert found[sample(name, result="ok")] == 1
    assert found[sample(name, result="error")] == 1


async def test_no_call_number_or_linkedid_becomes_a_label(metrics: Metrics) -> None:
    for fact in one_of_each():
        metrics.counters.sink(fact)
    text = (await metrics.scrape()).decode()
    told = (KEY.uniqueid, LEG.linkedid, LEG.number, LEG.caller, '"c1"')
    assert not [secret for secret in told if secret in text]
    labels = set(re.findall(r'(\w+)="', text))
    assert labels <= {
        *("tenant", "direction", "verdict", "reason", "pbx", "kind", "mode", "result"),
        *("ending", "code", "le", "version", "status", "state", "chore", "currency", "task"),
        "trunk",
    }


async def test_a_fact_is_counted_unless_its_row_says_that_it_is_not(live: Figures) -> None:
    counted = set()
    for fact in one_of_each():
        metrics = Metrics("0", live, lambda: 0)
        before = await own_samples(metrics)
        metrics.counters.sink(fact)
        if await own_samples(metrics) != before:
            counted.add(type(fact))
    assert counted == {row.fact for row in ROWS if row.counter is not None}


async def test_what_adapters_notice_is_one_line_and_one_counter(metrics: Metrics) -> None:
    lines: list[str] = []

    class Heard:
        def __getattr__(self, level: str) -> Any:
            return lambda event, **_fields: lines.append(f"{level}: {event}")

    log = cast("Log", Heard())
    hook, link = HookWatch(log, metrics.counters), LinkWatch(log, metrics.counters)
    hook.session_ended("answered", 0.001)
    hook.judge_failed(decided().request, ValueError("x"))
    hook.command_rejected(511)
    link.login_failed("pbx1", "Authentication failed")
    link.unmapped("pbx1", "Newchannel")
    link.oversized("pbx1", 3)
    link.broken("pbx1", 4, 1)
    link.sink_failed("pbx1", Shutdown("pbx1"), ValueError("x"))
    found = await samples(metrics)
    assert len(lines) == 7
    assert found[sample("pbxbilling_agi_judge_failures_total")] == 1
    assert found[sample("pbxbilling_agi_rejected_commands_total", code="511")] == 1
    name = "pbxbilling_ami_faults_total"
    assert found[sample(name, pbx="pbx1", kind="login_failed")] == 1
    assert found[sample(name, pbx="pbx1", kind="oversized")] == 3
    assert found[sample(name, pbx="pbx1", kind="mended")] == 4


async def test_trunks_with_a_capacity_are_shown_and_others_are_not(
    metrics: Metrics, live: Figures
) -> None:
    labels = {"pbx": "pbx1", "trunk": "PJSIP/carrier"}
    used, channels = "pbxbilling_trunk_channels_used", "pbxbilling_trunk_channels"
    assert (
        not {sample(used, **labels), sample(channels, **labels)} & (await samples(metrics)).keys()
    )
    live.trunks = (TrunkView("PJSIP/carrier", 24, 30),)
    found = await samples(metrics)
    assert (found[sample(used, **labels)], found[sample(channels, **labels)]) == (24, 30)


async def test_alerts_and_dashboard_ask_for_metrics_that_exist(
    metrics: Metrics, live: Figures
) -> None:
    live.held, live.limits = {"acme": Load(1)}, {"acme": 5}
    text = (await metrics.scrape()).decode()
    exposed = set(re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE))
    exposed |= {"pbxbilling_admission_seconds_bucket"}
    for path in ("prometheus/pbxbilling.rules.yml", "grafana/pbxbilling.json"):
        asked = set(re.findall(r"\bpbxbilling_[a-z_]+", (ROOT / "deploy" / path).read_text()))
        assert asked
        assert asked <= exposed
