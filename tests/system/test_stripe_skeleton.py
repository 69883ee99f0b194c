"""A paying tenant may call: with localstripe, a third party's Stripe, and a real Asterisk."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.asterisk import Asterisk
from rig.localstripe import KEY, LocalStripe
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.daemon.stage import Stage, accounts
from tests.support.daemon.storefront import HOOK, SECRET, stripe_section

pytestmark = pytest.mark.asterisk


def test_a_subscription_opens_the_phone_and_its_end_closes_it(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        local = stack.enter_context(LocalStripe())
        stage = Stage(asterisk, tmp_path, stack, more=stripe_section(local.url, KEY))
        daemon = stage.daemon
        daemon.apply(accounts("pair", 'status = "incomplete"\n'))
        local.webhook(f"http://{daemon.http}{HOOK}", SECRET)
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "incomplete"

        _, subscription = local.subscribed_tenant("acme")
        until(lambda: daemon.tenant()["status"] == "active", "the tenant is active", 10.0)
        assert daemon.tenant()["subscription"] == subscription
        stage.phone.dial(MOBILE).hang_up()

        local.cancel_now(subscription)
        until(lambda: daemon.tenant()["status"] == "cancelled", "the tenant is cancelled", 10.0)
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "cancelled"
