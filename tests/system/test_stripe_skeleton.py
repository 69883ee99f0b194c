"""Who pays may call: a Stripe that nobody here wrote, and a real Asterisk."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.localstripe import KEY, LocalStripe
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.stage import Stage, accounts

pytestmark = pytest.mark.asterisk

SECRET = "whsec_system"


def enabled(api: str, key: str = KEY) -> str:
    return (
        f'[stripe]\nenabled = true\nsecret_key = "{key}"\nwebhook_secrets = ["{SECRET}"]\n'
        f'api_base = "{api}"\n'
    )


def test_a_subscription_opens_the_phone_and_its_end_closes_it(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        local = stack.enter_context(LocalStripe())
        stage = Stage(asterisk, tmp_path, stack, more=enabled(local.url))
        daemon = stage.daemon
        daemon.apply(accounts("pair", 'status = "incomplete"\n'))
        local.webhook(f"http://{daemon.http}/api/stripe/webhook", SECRET)
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "incomplete"

        _, subscription = local.subscribed_tenant("acme")
        until(lambda: tenant(stage)["status"] == "active", "the tenant is active", 10.0)
        assert tenant(stage)["subscription"] == subscription
        stage.phone.dial(MOBILE).hang_up()

        local.cancel_now(subscription)
        until(lambda: tenant(stage)["status"] == "cancelled", "the tenant is cancelled", 10.0)
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "cancelled"


def tenant(stage: Stage, slug: str = "acme") -> dict[str, object]:
    found: dict[str, object] = next(
        row for row in stage.daemon.ask("tenants") if row["tenant"] == slug
    )
    return found
