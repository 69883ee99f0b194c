"""The tenant that fits a gateway's subscription or customer, and by which evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.subscriptions.adoption.matching import CustomerProfile, Evidence, Fit, TenantIndex
from pbxbilling.subscriptions.subscription import Subscription
from tests.support.subscriptions.records import subscription

ACME = Tenant("acme", "basic", name="Acme Inc.", email="billing@acme.example", customer="cus_1")
GLOBEX = Tenant("globex", "basic", name="Globex", email="office@globex.example")
NOBODYS = subscription(tenant=None)
STRANGER = CustomerProfile("cus_9")


def fitting(sold: Subscription | None, customer: CustomerProfile, tenants: Iterable[Tenant]) -> Fit:
    index = TenantIndex()
    for tenant in tenants:
        index.add(tenant)
    return index.fit(sold, customer)


@pytest.mark.parametrize(
    ("customer", "fit"),
    [
        (STRANGER, Fit()),
        (replace(STRANGER, tenant="Acme "), Fit(("acme",), Evidence.METADATA)),
        (replace(STRANGER, id="cus_1"), Fit(("acme",), Evidence.CUSTOMER)),
        (replace(STRANGER, email="Billing@ACME.example"), Fit(("acme",), Evidence.MAIL)),
        (replace(STRANGER, name="ACME, inc"), Fit(("acme",), Evidence.NAME)),
        (replace(STRANGER, name="GLOBEX"), Fit(("globex",), Evidence.NAME)),
        (replace(STRANGER, name="Acme Inc. Europe"), Fit()),
        (
            replace(STRANGER, tenant="nobody", email="office@globex.example"),
            Fit(("globex",), Evidence.MAIL),
        ),
        (replace(STRANGER, tenant="globex", id="cus_1"), Fit(("globex",), Evidence.METADATA)),
        (
            replace(STRANGER, id="cus_1", email="office@globex.example"),
            Fit(("acme",), Evidence.CUSTOMER),
        ),
        (
            replace(STRANGER, email="billing@acme.example", name="Globex"),
            Fit(("acme",), Evidence.MAIL),
        ),
    ],
)
def test_the_strongest_evidence_decides(customer: CustomerProfile, fit: Fit) -> None:
    assert fitting(None, customer, [ACME, GLOBEX]) == fit
    assert fitting(NOBODYS, customer, [ACME, GLOBEX]) == fit


def test_a_subscriptions_own_metadata_counts_in_any_capitals() -> None:
    assert fitting(replace(NOBODYS, tenant="GLOBEX"), STRANGER, [ACME, GLOBEX]) == Fit(
        ("globex",), Evidence.METADATA
    )


def test_several_that_fit_alike_are_all_named_and_demos_never() -> None:
    twin, demo = replace(ACME, slug="acme2"), replace(ACME, slug="acme3", demo=True)
    mail = CustomerProfile("cus_9", email=ACME.email)
    assert fitting(None, mail, [twin, ACME, demo]) == Fit(("acme", "acme2"), Evidence.MAIL)


@pytest.mark.parametrize("empty", ["", "  ", "-"])
def test_nothing_fits_by_what_is_empty(empty: str) -> None:
    bare = Tenant("x", "basic")
    customer = CustomerProfile("cus_9", name=empty, email=empty.replace("-", ""), tenant=None)
    assert fitting(None, customer, [bare]) == Fit()
