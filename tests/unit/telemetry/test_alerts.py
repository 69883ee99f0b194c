"""Whatever a stranger can make the daemon count has an alert, or is said to need none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbxbilling.agi.sessions.session import Ending
from pbxbilling.billing.facts import UsageResult
from pbxbilling.subscriptions.facts import WebhookResult

RULES = (Path(__file__).parents[3] / "deploy" / "prometheus" / "pbxbilling.rules.yml").read_text()

# Endings and results that are no sign of an attack, or that an alert covers in other words.
HARMLESS = {
    Ending.ANSWERED,
    Ending.SILENT,  # health checks and port scans
    UsageResult.COUNTED,
    UsageResult.KNOWN,
    UsageResult.CONFLICT,  # who has the token
    UsageResult.OVERSIZED,
    UsageResult.UNREADABLE,
    UsageResult.UNKNOWN,
    UsageResult.NOT_KEPT,  # PbxbillingStoreFailing
    WebhookResult.STORED,
    WebhookResult.IGNORED,
    WebhookResult.RECOVERED,
    WebhookResult.OVERSIZED,  # nothing was read
    WebhookResult.UNREADABLE,  # signed: the gateway's own
    WebhookResult.WRONG_MODE,
    WebhookResult.NOT_KEPT,
}
WITH_A_RULE = {
    "pbxbilling_agi_sessions_total": ("ending", Ending),
    "pbxbilling_usage_requests_total": ("result", UsageResult),
    "pbxbilling_webhooks_total": ("result", WebhookResult),
}


@pytest.mark.parametrize("metric", WITH_A_RULE)
def test_each_sign_of_a_stranger_has_a_rule(metric: str) -> None:
    label, kinds = WITH_A_RULE[metric]
    found = re.findall(rf'{metric}{{{label}=~?"([^"]+)"}}', RULES)
    ruled = {value for values in found for value in values.split("|")}
    assert ruled == {kind.value for kind in kinds if kind not in HARMLESS}


@pytest.mark.parametrize("what", ['reason="unreconciled"', "pbxbilling_http_turned_away_total"])
def test_so_have_hooks_that_are_not_counted_and_a_flood(what: str) -> None:
    assert what in RULES
