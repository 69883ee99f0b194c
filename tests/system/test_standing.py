"""What a tenant's status blocks on a real Asterisk: the reason, its cause, emergencies."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL, SIGSTOP, Signals
from typing import NamedTuple

import pytest

from rig.asterisk import Asterisk
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.daemon.stage import Stage, accounts

pytestmark = pytest.mark.asterisk


class Refusal(NamedTuple):
    """A status in the accounts file, its refusal's reason, the chosen cause, and SIP's."""

    status: str
    reason: str
    cause: int
    sip: int


REFUSALS = (
    Refusal("trial", "trial_over", 34, 503),
    Refusal("cancelled", "cancelled", 1, 404),
    Refusal("read_only", "read_only", 22, 410),
    Refusal("incomplete", "incomplete", 18, 408),
    Refusal("suspended", "suspended", 21, 403),
)
CAUSES = "\n".join(f"{each.reason} = {each.cause}" for each in REFUSALS)
SITE = f"""
[refusal]
{CAUSES}
[billing]
trial_days = 0
grace_days = 0
[emergency]
numbers = ["112", "911"]
prefixes = ["0"]
"""
EMERGENCIES = ("112", "911", "0112")


def verdict_after(stage: Stage, since: int) -> list[str]:
    """Return the fields of the first `PBXBILLING` that the daemon set from event `since` on."""

    def found() -> str | None:
        told = [e for e in stage.scene.ami.events[since:] if e["Event"] == "VarSet"]
        values = (e["Value"] for e in told if e["Variable"].lstrip("_") == "PBXBILLING")
        return next((value for value in values if value), None)

    return until(found, "the verdict is set").split("|")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
def test_a_closed_tenant_gets_its_reason_and_cause_and_reaches_emergency_numbers(
    asterisk: Asterisk, tmp_path: Path, refusal: Refusal
) -> None:
    asterisk.set_global("PBXBILLING_EMERGENCY_PREFIX", "0")
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, more=SITE)
        stage.daemon.apply(accounts("unlimited", f'status = "{refusal.status}"\n'))
        since = len(stage.scene.ami.events)
        assert stage.refused_with() == refusal.sip
        verdict, tenant, direction, reason, cause, *_ = verdict_after(stage, since)
        assert (verdict, tenant, direction) == ("REFUSE", "acme", "outbound")
        assert (reason, cause) == (refusal.reason, str(refusal.cause))
        assert stage.last_decision()["reason"] == refusal.reason

        for number in EMERGENCIES:
            since = len(stage.scene.ami.events)
            leg = stage.phone.dial(number)
            assert verdict_after(stage, since)[3] == "emergency"
            (call,) = stage.daemon.calls()
            assert call["emergency"]
            leg.hang_up()
            stage.daemon.wait_idle()
        counted = stage.daemon.metric("pbxbilling_emergency_calls_total", tenant="acme")
        assert counted == len(EMERGENCIES)


@pytest.mark.parametrize("number", [SIGSTOP, SIGKILL], ids=["wedged", "dead"])
def test_emergency_numbers_pass_without_a_daemon_where_nothing_else_does(
    asterisk: Asterisk, tmp_path: Path, number: Signals
) -> None:
    settings = {"FALLBACK": "closed", "EMERGENCY_PREFIX": "0", "HOOK_SECONDS": "0.3"}
    for name, value in settings.items():
        asterisk.set_global(f"PBXBILLING_{name}", value)
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, more=SITE)
        stage.daemon.apply(accounts("none"))
        stage.daemon.signal(number)
        assert stage.refused_with(MOBILE) == 486
        for emergency in EMERGENCIES:
            stage.phone.dial(emergency).hang_up()


FALLS_THROUGH = """
exten => 77,1,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},112))
 same => n,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},0900123))
 same => n,Dial(PJSIP/0900123@carrier)
exten => 78,1,Gosub(pbxbilling-admit,s,1(outbound,${TENANT},112))
 same => n,Dial(Local/0900123@phones/n)
"""


@pytest.mark.parametrize("dialled", ["77", "78"], ids=["same channel", "under its linkedid"])
def test_an_emergency_opens_no_way_to_other_numbers(
    asterisk: Asterisk, tmp_path: Path, dialled: str
) -> None:
    asterisk.add_dialplan(FALLS_THROUGH)
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, more="[decisions]\nadmissions = true\n")
        stage.daemon.apply(accounts("none"))
        assert stage.refused_with(dialled) == 486
        stage.daemon.wait_idle()
        asked = stage.daemon.get("/decisions", tenant="acme")
        told = {(one["number"], one["outcome"], one["reason"]) for one in asked}
        assert told == {("112", "admit", "emergency"), ("0900123", "refuse", "max_calls")}
        assert stage.daemon.answered() == []


@pytest.mark.parametrize("channel", ["Local/11@from-acme", "Local/**01@from-acme", "PJSIP/acme1"])
def test_a_suspended_tenants_click_to_call_is_refused(
    asterisk: Asterisk, tmp_path: Path, channel: str
) -> None:
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack)
        stage.daemon.apply(accounts("unlimited", 'status = "suspended"\n'))
        phone = stage.phone
        stage.scene.originate(channel)
        leg = phone.wait_incoming()
        until(lambda: _rings(stage), "the daemon knows that it rings")
        leg.answer()
        leg.wait("ended")
        stage.daemon.wait_idle()
        decision = stage.last_decision()
        assert (decision["outcome"], decision["reason"]) == ("refuse", "suspended")
        assert stage.daemon.legs() == []


def _rings(stage: Stage) -> bool:
    legs = [leg for call in stage.daemon.calls() for leg in call["legs"]]
    return any(leg["channel"].startswith("PJSIP/acme1-") for leg in legs)


COSTLY = """
[plan.costly]
currency = "EUR"
overage_per_minute = "0.50"
price_per_call = "0.10"
"""


@pytest.mark.parametrize("charged", [False, True], ids=["free", "charged"])
def test_an_emergency_call_costs_nothing_unless_the_site_says_so(
    asterisk: Asterisk, tmp_path: Path, charged: bool
) -> None:
    site = f"[emergency]\ncharged = {str(charged).lower()}\n"
    with ExitStack() as stack:
        stage = Stage(asterisk, tmp_path, stack, more=site)
        stage.daemon.apply(COSTLY + accounts("costly"))
        stage.phone.dial("112").hang_up()
        stage.daemon.wait_idle()
        used = until(
            lambda: stage.daemon.get("/tenants/acme/statement/calls")["calls"], "it is kept"
        )
        assert used[0]["emergency"]
        statement = stage.daemon.get("/tenants/acme/statements/preview")
        lines = (line for line in statement["lines"] if line["kind"] != "plan")
        amounts = [line["amount_minor"] for line in lines]
        free = statement["free_emergency_legs"]
        assert (amounts, free) == (([50, 10], 0) if charged else ([], 1))
