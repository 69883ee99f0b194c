"""Metrics, alerts and their unit tests, checked by Prometheus' own promtool."""

import subprocess
from pathlib import Path

import pytest

from pbxbilling.calls.live.load import Load
from pbxbilling.telemetry.metrics import Metrics
from rig.provision import UnprovisionedError, promtool
from rig.waiting import patience_s
from tests.support.billing.figures import Figures
from tests.support.telemetry.facts import one_of_each

pytestmark = pytest.mark.system

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"


def run_promtool(*arguments: str, given: bytes = b"") -> tuple[int, str]:
    try:
        program = promtool()
    except UnprovisionedError as missing:
        pytest.skip(f"no promtool: {missing}")
    done = subprocess.run(
        [program, *arguments], input=given, capture_output=True, timeout=patience_s(60), check=False
    )
    return done.returncode, (done.stdout + done.stderr).decode()


async def test_promtool_finds_nothing_to_say_about_the_metrics() -> None:
    metrics = Metrics("0.1.0", Figures({"acme": Load(1)}, {"acme": 5}), lambda: 0)
    for fact in one_of_each():
        metrics.counters.sink(fact)
    metrics.counters.session_ended("answered", 0.001)
    metrics.counters.command_rejected(511)
    metrics.counters.link_event("pbx1", "unmapped")
    assert run_promtool("check", "metrics", given=await metrics.scrape()) == (0, "")


def test_the_alert_rules_are_valid() -> None:
    status, said = run_promtool("check", "rules", str(RULES / "pbxbilling.rules.yml"))
    assert status == 0, said


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    status, said = run_promtool("test", "rules", str(RULES / "pbxbilling.rules.test.yml"))
    assert status == 0, said
