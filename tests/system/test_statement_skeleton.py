"""Three real calls, a minute of talk between them, are three minutes on a statement."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.daemon import ACCOUNTS
from tests.support.stage import Stage

pytestmark = pytest.mark.asterisk

TALK_S = 61 / 3
METERED = """
[plan.metered]
currency = "EUR"
price = "20.00"
included_minutes = 0
overage_per_minute = "0.50"
"""


def test_sixty_one_seconds_in_three_calls_are_three_whole_minutes(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        daemon = stage.daemon
        acme = ACCOUNTS.replace(
            '[tenant.acme]\nplan = "unlimited"', '[tenant.acme]\nplan = "metered"'
        )
        daemon.apply(METERED + acme)
        calls = [stage.phone.dial(MOBILE) for _ in range(3)]
        time.sleep(TALK_S)
        for call in calls:
            call.hang_up()
        daemon.wait_idle()
        ask = {"tenant": "acme", "month": None, "line": None}
        found = until(lambda: _calls(daemon.ask("records", **ask)), "the calls are on record")
        assert 61 <= sum(call["talk_us"] for call in found) / 1_000_000 < 64
        shown = daemon.ask("statement-preview", tenant="acme", month=None)
        amounts = {
            line["kind"]: (line["quantity"], line["amount_minor"]) for line in shown["lines"]
        }
        assert amounts == {"plan": (1, 2000), "overage": (180, 150)}


def _calls(found: dict[str, list[dict[str, int]]]) -> list[dict[str, int]] | None:
    return found["calls"] if len(found["calls"]) == 3 else None
