"""Which event of the audit trail a change of accounts is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pbxbilling.accounts.apply import Change, TenantChange
from pbxbilling.accounts.change_records import Cause, event_of
from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.accounts.terms.status import Blocker, Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.kernel.audit import AuditEvent
from pbxbilling.kernel.codes import Mode
from tests.support.kernel.actors import named
from tests.support.store.records import NOON

ACME = Tenant("acme", "basic", renews_at=NOON, subscription="sub_1")
BY_FILE = Cause("apply", named("root"), NOON, SetBy.FILE)
BY_GATEWAY = replace(BY_FILE, by=SetBy.GATEWAY)
BLOCKED = frozenset({Blocker.OPERATOR})


def changed(transition: Transition | None = None, **fields: Any) -> TenantChange:
    return TenantChange(ACME, replace(ACME, **fields), transition)


def of_status(transition: Transition, status: Status) -> TenantChange:
    return changed(transition, status=status)


@pytest.mark.parametrize(
    ("change", "event"),
    [
        (Change(None, Plan("basic")), AuditEvent.PLAN_CREATED),
        (Change(Plan("basic"), Plan("basic", limits=Limits(max_calls=2))), AuditEvent.PLAN_UPDATED),
        (Change(Plan("basic"), Plan("basic", active=False)), AuditEvent.PLAN_TOGGLED),
        (TenantChange(None, ACME), AuditEvent.TENANT_CREATED),
        (changed(name="Acme"), AuditEvent.TENANT_UPDATED),
        (changed(plan="pro"), AuditEvent.SUBSCRIPTION_ASSIGNED),
        (changed(mode=Mode.LOG), AuditEvent.MODE_CHANGED),
        (changed(blocks=BLOCKED), AuditEvent.TENANT_SUSPENDED),
        (TenantChange(replace(ACME, blocks=BLOCKED), ACME), AuditEvent.TENANT_ACTIVATED),
        (of_status(Transition.TRIAL_BEGAN, Status.TRIAL), AuditEvent.TENANT_TRIAL),
        (
            of_status(Transition.TRIAL_ENDED, Status.GRACE_PERIOD),
            AuditEvent.SUBSCRIPTION_GRACE_PERIOD,
        ),
        (of_status(Transition.GRACE_ENDED, Status.READ_ONLY), AuditEvent.SUBSCRIPTION_READ_ONLY),
        (
            of_status(Transition.PAYMENT_FAILED, Status.PAST_DUE),
            AuditEvent.SUBSCRIPTION_PAYMENT_FAILED,
        ),
        (of_status(Transition.CANCELLED, Status.CANCELLED), AuditEvent.SUBSCRIPTION_CANCELLED),
        # Of two, the one that a person looks for.
        (changed(plan="pro", blocks=BLOCKED), AuditEvent.TENANT_SUSPENDED),
        (changed(status=Status.CANCELLED, plan="pro"), AuditEvent.SUBSCRIPTION_ASSIGNED),
    ],
)
def test_a_change_is_the_event_that_matters_most(change: Any, event: AuditEvent) -> None:
    assert event_of(change, BY_FILE) is event


def test_a_renewal_is_what_the_gateway_moves_on_and_nobody_else() -> None:
    later = changed(renews_at=NOON + timedelta(days=30))
    assert event_of(later, BY_GATEWAY) is AuditEvent.SUBSCRIPTION_AUTO_RENEWED
    assert event_of(later, BY_FILE) is AuditEvent.TENANT_UPDATED
    another = changed(renews_at=NOON + timedelta(days=30), subscription="sub_2")
    assert event_of(another, BY_GATEWAY) is AuditEvent.TENANT_UPDATED
    ended = changed(renews_at=None)
    assert event_of(ended, BY_GATEWAY) is AuditEvent.TENANT_UPDATED


def test_a_cause_that_has_an_event_gives_it_to_tenants_alone() -> None:
    forgetting = replace(BY_FILE, event=AuditEvent.TENANT_FORGOTTEN)
    assert event_of(changed(name="x"), forgetting) is AuditEvent.TENANT_FORGOTTEN
    plan = Change(Plan("basic"), Plan("basic", limits=Limits(max_calls=2)))
    assert event_of(plan, forgetting) is AuditEvent.PLAN_UPDATED
