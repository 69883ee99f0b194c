"""The effect of a subscription's state on calls on a real Asterisk: the next one, and live ones.

How soon after the webhook's answer a state is in force: `make bench`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pbxbilling.cli.connection import CommandFailed, post
from rig.asterisk import Asterisk
from rig.fakestripe import FakeStripe, Fault
from rig.localstripe import DECLINED_CARD, KEY, LocalStripe
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.daemon.stage import Stage, accounts
from tests.support.daemon.storefront import HOOK, SECRET, stripe_section

pytestmark = pytest.mark.asterisk


UNLIMITED = accounts("unlimited")


class Paying:
    """A stage where acme has an active subscription at the fake."""

    def __init__(
        self,
        asterisk: Asterisk,
        directory: Path,
        stack: ExitStack,
        more: str = "",
        tariff: str = UNLIMITED,
    ):
        self.fake = stack.enter_context(FakeStripe())
        self.stage = Stage(asterisk, directory, stack, more=stripe_section(self.fake.url) + more)
        daemon = self.stage.daemon
        daemon.apply(tariff)
        self.fake.webhooks.send_to(f"http://{daemon.http}{HOOK}", SECRET)
        customer, price = self.fake.create_customer(), self.fake.create_price()
        self.subscription = self.fake.subscribe(customer, price, metadata={"tenant": "acme"})
        self.settled("active")

    def settled(self, here: str) -> None:
        """Wait until the webhook has answered, and this status is in force here."""
        self.fake.webhooks.settle()
        assert self.fake.webhooks.failed == []
        until(lambda: status(self.stage) == here, f"acme is {here}")

    def sent(self) -> list[dict[str, Any]]:
        """Return the events at Stripe's meter."""
        return self.fake.all("billing.meter_event")

    def becomes(self, word: str, here: str) -> None:
        """Change the status at Stripe, and wait until its counterpart is in force here."""
        time.sleep(1)  # Stripe's instants are whole seconds: within one, no order is known
        self.fake.change(self.subscription, status=word)
        self.settled(here)


def status(stage: Stage) -> object:
    """Return acme's status; None before it has a subscription."""
    acme = stage.daemon.tenant()
    return acme["status"] if acme["subscription"] else None


@pytest.mark.parametrize("fault", [None, Fault.DOWN], ids=["api up", "api down"])
def test_the_next_call_is_judged_by_the_new_state(
    asterisk: Asterisk, tmp_path: Path, fault: Fault | None
) -> None:
    with ExitStack() as stack:
        paying = Paying(asterisk, tmp_path, stack)
        stage = paying.stage
        stage.phone.dial(MOBILE).hang_up()
        if fault is not None:
            paying.fake.break_api(fault)
        paying.becomes("unpaid", "read_only")
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "read_only"
        paying.becomes("active", "active")
        stage.phone.dial(MOBILE).hang_up()


def test_a_live_call_goes_on_when_its_subscription_ends(asterisk: Asterisk, tmp_path: Path) -> None:
    with ExitStack() as stack:
        paying = Paying(asterisk, tmp_path, stack)
        stage = paying.stage
        live = stage.phone.dial(MOBILE)
        paying.fake.cancel(paying.subscription)
        paying.settled("cancelled")
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "cancelled"
        assert live.state == "up"
        assert [call["state"] for call in stage.daemon.calls()] == ["up"]
        live.hang_up()
        stage.daemon.wait_idle()


METERED = accounts("unlimited", 'charges = "meter_events"\n')
CANCELLATION = "/tenants/acme/subscription/cancellation"


def test_no_subscription_ends_by_command_under_a_call_that_is_metered(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        paying = Paying(asterisk, tmp_path, stack, tariff=METERED)
        daemon = paying.stage.daemon
        paying.fake.create_meter()
        live = paying.stage.phone.dial(MOBILE)
        with pytest.raises(CommandFailed, match="1 call is live of tenant acme, and what they use"):
            post(daemon.config, CANCELLATION, now=True)
        assert status(paying.stage) == "active"
        live.hang_up()
        daemon.wait_idle()
        until(lambda: daemon.get("/usage-events")["unsent"] == {}, "its usage is sent", 40.0)
        post(daemon.config, CANCELLATION, now=True)
        assert status(paying.stage) == "cancelled"
        assert [event["payload"]["value"] for event in paying.sent()] == ["1"]


def test_a_call_that_outlives_its_subscription_is_left_to_a_person(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        paying = Paying(asterisk, tmp_path, stack, tariff=METERED)
        daemon = paying.stage.daemon
        paying.fake.create_meter()
        live = paying.stage.phone.dial(MOBILE)
        paying.fake.cancel(paying.subscription)
        paying.settled("cancelled")
        time.sleep(1)  # Stripe's instants are whole seconds
        live.hang_up()
        until(lambda: daemon.logged("payments need a look"), "an operator is told", 40.0)
        (usage,) = daemon.get("/usage-events")["events"]
        assert (usage["state"], usage["minutes"]) == ("refused", 1)
        assert "it would be on no invoice" in usage["note"]
        assert not paying.sent()


@pytest.mark.parametrize(("grace_days", "passes"), [(7, True), (0, False)], ids=["in", "out"])
def test_past_due_passes_through_the_grace_window_only(
    asterisk: Asterisk, tmp_path: Path, grace_days: int, *, passes: bool
) -> None:
    with ExitStack() as stack:
        more = f"[billing]\ngrace_days = {grace_days}\n"
        paying = Paying(asterisk, tmp_path, stack, more)
        paying.becomes("past_due", "past_due" if passes else "read_only")
        stage = paying.stage
        if passes:
            stage.phone.dial(MOBILE).hang_up()
            assert status(stage) == "past_due"
        else:
            assert stage.refused_with() == 486
            assert stage.last_decision()["reason"] == "read_only"


def test_a_declined_card_at_localstripe_leaves_the_phone_closed(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        local = stack.enter_context(LocalStripe())
        stage = Stage(asterisk, tmp_path, stack, more=stripe_section(local.url, KEY))
        stage.daemon.apply(accounts("unlimited"))
        local.webhook(f"http://{stage.daemon.http}{HOOK}", SECRET)
        stage.phone.dial(MOBILE).hang_up()
        customer = local.create_customer()
        local.add_card(customer, DECLINED_CARD)
        local.subscribe(customer, local.create_plan(), "acme")
        until(lambda: status(stage) is not None, "acme is linked")
        assert status(stage) == "incomplete"
        assert stage.refused_with() == 486
        assert stage.last_decision()["reason"] == "incomplete"
