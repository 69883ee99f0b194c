"""Three real calls, a minute of talk between them: three minutes, here and at Stripe's meter."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from rig.asterisk import Asterisk
from rig.fakestripe import FakeStripe
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.daemon.daemon import ACCOUNTS
from tests.support.daemon.stage import Stage
from tests.support.daemon.storefront import HOOK, SECRET, stripe_section

pytestmark = pytest.mark.asterisk

TALK_S = 61 / 3
METERED = """
[plan.metered]
currency = "EUR"
price = "20.00"
included_minutes = 0
overage_per_minute = "0.50"
stripe_prices = {{ flat = "{flat}", metered = "{metered}" }}
"""


def test_sixty_one_seconds_in_three_calls_are_three_whole_minutes(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        fake = stack.enter_context(FakeStripe())
        flat = fake.create_price(2000, "eur")
        metered = fake.create_price(50, "eur", meter=fake.create_meter())
        stage = Stage(asterisk, tmp_path, stack, more=stripe_section(fake.url))
        daemon = stage.daemon
        acme = ACCOUNTS.replace(
            '[tenant.acme]\nplan = "unlimited"',
            '[tenant.acme]\nplan = "metered"\ncharges = "meter_events"',
        )
        daemon.apply(METERED.format(flat=flat, metered=metered) + acme)
        fake.webhooks.send_to(f"http://{daemon.http}{HOOK}", SECRET)
        customer = fake.create_customer("billing@acme.example")
        fake.subscribe(customer, flat, metered, metadata={"tenant": "acme"})
        until(lambda: daemon.tenant()["subscription"], "the tenant lives by its subscription")
        calls = [stage.phone.dial(MOBILE) for _ in range(3)]
        time.sleep(TALK_S)
        for call in calls:
            call.hang_up()
        daemon.wait_idle()
        found = until(
            lambda: _calls(daemon.get("/tenants/acme/statement/calls")), "the calls are on record"
        )
        assert 61 <= sum(call["talk_us"] for call in found) / 1_000_000 < 64
        shown = daemon.get("/tenants/acme/statements/preview")
        amounts = {
            line["kind"]: (line["quantity"], line["amount_minor"]) for line in shown["lines"]
        }
        assert amounts == {"plan": (1, 2000), "overage": (180, 150)}
        until(lambda: len(_sent(fake)) == 3, "the meter has heard of them", 30.0)
        assert [event["payload"]["value"] for event in _sent(fake)] == ["1", "1", "1"]
        assert {event["identifier"] for event in _sent(fake)} == {call["leg"] for call in found}


def _sent(fake: FakeStripe) -> list[dict[str, Any]]:
    return fake.all("billing.meter_event")


def _calls(found: dict[str, list[dict[str, int]]]) -> list[dict[str, int]] | None:
    return found["calls"] if len(found["calls"]) == 3 else None
