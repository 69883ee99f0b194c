"""What `stripe check` reads from an account, by the real stripe package at our own fake."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pbxbilling.gateways.stripe.audit import StripeAudit
from pbxbilling.gateways.stripe.audit_objects import (
    AccountFound,
    EndpointFound,
    MeterFound,
    PortalFound,
    PriceFound,
    Tier,
)
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.kernel.errors import GatewayError
from rig.fakestripe import FakeStripe
from tests.support.gateways.stripe.clients import api_of

REPORTS = "v1.billing.meter.error_report_triggered"


@pytest.fixture
def audit(api: StripeApi) -> StripeAudit:
    return StripeAudit(api)


async def test_the_account_and_its_prices_are_read(audit: StripeAudit, fake: FakeStripe) -> None:
    meter = fake.create_meter()
    yearly = fake.create_price(9900, "usd", interval="year")
    metered = fake.create_price("0.5", meter=meter, active=False)
    tiered = fake.create_price(meter=meter, tiers=[(500, "0"), (None, "50.25")])
    volume = fake.create_price(meter=meter, tiers=[(None, "1")], tiers_mode="volume")
    once = fake.create_price(24900, "jpy", interval=None)
    quarter = fake.create_price(interval_count=3)
    assert await audit.account() == AccountFound("acct_fake", "Fake Telecom")
    tiers = Tier(500), Tier(None, Decimal("50.25"))
    wanted = [
        PriceFound(yearly, True, False, "USD", Decimal(9900), 12),
        PriceFound(metered, False, False, "EUR", Decimal("0.5"), 1, True, meter),
        PriceFound(tiered, True, False, "EUR", None, 1, True, meter, tiers, "graduated"),
        PriceFound(
            volume, True, False, "EUR", None, 1, True, meter, (Tier(None, Decimal(1)),), "volume"
        ),
        PriceFound(once, True, False, "JPY", Decimal(24900), 0),
        PriceFound(quarter, True, False, "EUR", Decimal(1000), 3),
    ]
    assert [await audit.price(one.id) for one in wanted] == wanted
    assert await audit.price("price_none") is None
    assert await audit.price(fake.create_price(livemode=True)) is None


async def test_a_meter_is_read(audit: StripeAudit, fake: FakeStripe) -> None:
    made = fake.create_meter("minutes_of_voice")
    assert await audit.meter(made) == MeterFound(
        made, "minutes_of_voice", True, "sum", "stripe_customer_id", "value"
    )
    assert await audit.meter("mtr_none") is None


async def test_the_portals_default_configuration_is_read(
    audit: StripeAudit, fake: FakeStripe
) -> None:
    assert await audit.portal() is None
    fake.account.configure_portal("immediately")
    made = fake.account.configure_portal("", cards=False)
    assert await audit.portal() == PortalFound(made, "", changes_cards=False, shows_invoices=True)


async def test_endpoints_of_both_kinds_are_read(audit: StripeAudit, fake: FakeStripe) -> None:
    url = "https://provider.example/api/stripe/webhook"
    known = fake.account.register_endpoint(url, "invoice.paid")
    every = fake.account.register_endpoint(url)
    fake.account.disable(every)
    thin = fake.account.register_destination(url, REPORTS)
    found = {one.id: one for one in await audit.endpoints()}
    assert found == {
        known: EndpointFound(known, url, True, frozenset({"invoice.paid"})),
        every: EndpointFound(every, url, False, frozenset({"*"})),
    }
    assert await audit.thin_endpoints() == [EndpointFound(thin, url, True, frozenset({REPORTS}))]


async def test_a_wrong_key_is_told_without_the_key(fake: FakeStripe) -> None:
    async with api_of(fake.url, "sk_test_notours0000000000") as api:
        with pytest.raises(GatewayError, match="Stripe refuses the key") as told:
            await StripeAudit(api).account()
    assert "notours" not in str(told.value)
