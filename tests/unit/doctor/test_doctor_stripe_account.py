"""The portal's settings and the endpoints of an account, judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.stripe_account import (
    HOOK,
    NEEDED,
    THIN,
    judge_endpoints,
    judge_portal,
    judge_reports,
)
from pbxbilling.gateways.stripe.audit_objects import EndpointFound, PortalFound
from pbxbilling.gateways.stripe.objects import TOPICS
from pbxbilling.kernel.errors import GatewayError

PORTAL = PortalFound("bpc_1", "at_period_end", changes_cards=True, shows_invoices=True)
OURS = EndpointFound("we_1", f"https://provider.example{HOOK}", True, frozenset(NEEDED))
SHOP = EndpointFound("we_2", "https://shop.example/hook", True, frozenset({"charge.succeeded"}))
DENIED = GatewayError("webhook endpoints: Stripe says: not allowed", away=False)


def told(*checks: Check) -> list[tuple[Result, str]]:
    return [(one.result, one.found) for one in checks]


def test_a_portal_that_ends_subscriptions_with_their_period_is_good() -> None:
    (check,) = judge_portal(PORTAL)
    assert check.result is Result.OK


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(PORTAL, cancels="immediately"), "tenants cancel there with immediate effect"),
        (replace(PORTAL, cancels="some_day"), "tenants cancel there with immediate effect"),
        (replace(PORTAL, cancels=""), "tenants cannot cancel there"),
        (replace(PORTAL, changes_cards=False), "tenants cannot change how they pay"),
        (replace(PORTAL, shows_invoices=False), "tenants do not see their invoices"),
        (None, "it has no default configuration"),
        (DENIED, "not allowed"),
    ],
)
def test_a_portal_that_does_otherwise_is_warned_of(
    found: PortalFound | GatewayError | None, words: str
) -> None:
    (check,) = judge_portal(found)
    assert check.result is Result.WARN
    assert words in check.found
    assert check.mend


@pytest.mark.parametrize("lacking", sorted(NEEDED))
def test_every_event_that_an_endpoint_lacks_is_named(lacking: str) -> None:
    (check,) = judge_endpoints([replace(OURS, events=OURS.events - {lacking})])
    assert told(check) == [(Result.FAIL, f"{OURS.url} lacks {lacking}")]


def test_every_event_that_is_used_is_asked_for() -> None:
    assert TOPICS.keys() == NEEDED | THIN
    assert len(NEEDED) == len(TOPICS) - 1


@pytest.mark.parametrize(
    "good", [OURS, replace(OURS, events=frozenset("*")), replace(OURS, url=f"{OURS.url}/")]
)
def test_an_endpoint_with_every_event_is_good_whatever_others_have(good: EndpointFound) -> None:
    checks = list(judge_endpoints([SHOP, good]))
    assert [one.result for one in checks] == [Result.OK, Result.OK]
    assert checks[0].found == "https://shop.example/hook is another program's"


def test_endpoints_that_a_proxy_may_lead_here_are_warned_of_each() -> None:
    checks = list(judge_endpoints([SHOP, replace(SHOP, id="we_3", enabled=False)]))
    assert [one.result for one in checks] == [Result.WARN, Result.WARN]
    assert "lacks checkout.session.completed, customer.deleted, " in checks[0].found
    assert "is disabled" in checks[1].found


def test_no_endpoint_and_a_disabled_one_fail() -> None:
    assert [one.result for one in judge_endpoints([])] == [Result.FAIL]
    (check,) = judge_endpoints([replace(OURS, enabled=False)])
    assert (check.result, "is disabled" in check.found) == (Result.FAIL, True)
    assert [one.result for one in judge_endpoints(DENIED)] == [Result.WARN]


@pytest.mark.parametrize(
    ("found", "result"),
    [
        ([replace(OURS, events=THIN)], Result.OK),
        ([replace(OURS, events=frozenset("*"))], Result.OK),
        ([replace(SHOP, events=THIN)], Result.OK),
        ([replace(SHOP, events=THIN), replace(OURS, events=frozenset({"v1.x"}))], Result.WARN),
        ([replace(OURS, events=THIN, enabled=False)], Result.WARN),
        ([OURS], Result.WARN),
        ([], Result.WARN),
        (DENIED, Result.WARN),
    ],
)
def test_reports_of_bad_usage_need_an_endpoint(
    found: list[EndpointFound] | GatewayError, result: Result
) -> None:
    assert judge_reports(found).result is result
