"""Selling as an operator does it: commands, a daemon, our own fake of Stripe and its webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rig.fakestripe import TEST_KEY, FakeStripe, Fault
from rig.waiting import until
from tests.support.daemon.storefront import HOOK, SECRET, stripe_section
from tests.support.daemon.virtual_site import VirtualSite

pytestmark = pytest.mark.system

COMMANDS = (
    ("stripe", "checkout", "acme", "--plan", "starter"),
    ("stripe", "check"),
    ("subscription", "cancel", "acme", "--now"),
)


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path) as site:
        yield site


def enabled(fake: FakeStripe, key: str = TEST_KEY) -> str:
    pages = "".join(
        f'{name} = "https://provider.example/{name}"\n'
        for name in ("success_url", "cancel_url", "portal_return_url")
    )
    return stripe_section(fake.url, key) + pages


def shop(site: VirtualSite, fake: FakeStripe) -> None:
    """Set up a plan with its prices and an unpaid tenant, on a daemon with keys."""
    site.sections = enabled(fake)
    site.write_config()
    site.start()
    flat, setup = fake.create_price(2900), fake.create_price(24900, interval=None)
    metered = fake.create_price(2, meter=fake.create_meter())
    site.apply(
        '[plan.starter]\nprice = "29.00"\ncurrency = "EUR"\nsetup_fee = "249.00"\n'
        'overage_per_minute = "0.02"\n'
        f'stripe_prices = {{ flat = "{flat}", metered = "{metered}", setup = "{setup}" }}\n'
        '[tenant.acme]\nplan = "starter"\nstatus = "incomplete"\n'
    )
    fake.webhooks.send_to(f"http://{site.http}{HOOK}", SECRET)


def acme(site: VirtualSite) -> dict[str, Any]:
    (row,) = [row for row in site.json("tenants") if row["tenant"] == "acme"]
    return dict(row)


def the_page(fake: FakeStripe) -> str:
    (session,) = fake.all("checkout.session")
    return str(session["id"])


def test_a_plan_is_sold_ended_taken_back_and_sold_again(
    site: VirtualSite, fake: FakeStripe
) -> None:
    shop(site, fake)
    offer = site.json("stripe", "checkout", "acme", "--plan", "starter")
    assert (offer["trial_days"], offer["with_setup"], offer["live"]) == (14, True, False)
    assert acme(site)["status"] == "incomplete"

    fake.complete(the_page(fake))
    until(lambda: acme(site)["status"] == "trial", "the tenant is on trial", 10.0)
    assert "has subscription" in site.fails("stripe", "checkout", "acme", "--plan", "starter")
    assert site.says("stripe", "portal", "acme").startswith("https://billing.stripe.invalid/")

    assert ", ends 20" in site.says("subscription", "cancel", "acme")
    assert acme(site)["renews_at"] is None
    assert "ends with" not in site.says("subscription", "reactivate", "acme")
    assert "cancelled" in site.says("subscription", "cancel", "acme", "--now")
    assert acme(site)["status"] == "cancelled"

    (known,) = site.json("subscriptions", "--tenant", "acme")
    assert (known["status"], known["tenant"], known["with_setup"]) == ("cancelled", "acme", True)
    fake.webhooks.settle()
    until(lambda: site.json("invoices", "acme"), "the invoices are known", 10.0)
    assert "249.00" in site.says("invoices", "acme")
    assert "no parked events" in site.says("stripe", "parked")

    again = site.json("stripe", "checkout", "acme", "--plan", "starter")
    assert (again["trial_days"], again["with_setup"]) == (0, False)
    assert again["customer"] == offer["customer"]


def test_two_clicks_at_once_sell_once(site: VirtualSite, fake: FakeStripe) -> None:
    shop(site, fake)
    words = ("stripe", "checkout", "acme", "--plan", "starter")
    with ThreadPoolExecutor(2) as clicks:
        offers = list(clicks.map(lambda _: site.json(*words), range(2)))
    assert offers[0] == offers[1]
    assert len(fake.all("customer")) == len(fake.all("checkout.session")) == 1


def test_a_strangers_subscription_is_parked_until_it_is_linked(
    site: VirtualSite, fake: FakeStripe
) -> None:
    shop(site, fake)
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    parked = until(lambda: site.json("stripe", "parked"), "its events are parked", 10.0)
    assert f"`pbxbilling stripe link {bought} TENANT`" in parked[0]["waits_for"]
    assert f"subscription {bought} of tenant acme: active" in site.says(
        "stripe", "link", bought, "acme"
    )
    assert acme(site)["status"] == "active"
    until(lambda: not site.json("stripe", "parked"), "nothing is parked", 10.0)


def test_what_was_at_stripe_before_is_adopted_as_a_file_says(
    site: VirtualSite, fake: FakeStripe, tmp_path: Path
) -> None:
    shop(site, fake)
    site.apply(
        (site.directory / "accounts.toml").read_text() + '[tenant.globex]\nplan = "starter"\n'
    )
    price = fake.create_price()
    hers, his = (
        fake.subscribe(fake.create_customer(f"{name}@example.org", name), price)
        for name in ("Acme", "Somebody")
    )
    fake.change(his, status="past_due")
    told = site.says("stripe", "adopt", "--dry-run")
    assert "nothing was written: --dry-run" in told
    rows = {row["subscription"]: row for row in site.json("stripe", "adopt")["candidates"]}
    assert (rows[hers]["tenants"], rows[hers]["by"]) == (["acme"], "name")
    assert (rows[his]["tenants"], rows[his]["by"]) == ([], None)
    file = tmp_path / "rows.csv"
    file.write_text(f"tenant,subscription\nnobody,{hers}\nglobex,{his}\n")
    assert f"{file}:2: tenant: tenant 'nobody' is unknown" in site.fails(
        "stripe", "adopt", "--csv", str(file), "--yes"
    )
    file.write_text(f"tenant,subscription\nacme,{hers}\nglobex,{his}\n")
    before = site.json("tenants")
    planned = site.json("stripe", "adopt", "--csv", str(file), "--dry-run")
    assert site.json("tenants") == before
    assert planned == site.json("stripe", "adopt", "--csv", str(file), "--yes")
    assert [(row["tenant"], row["status"]) for row in planned] == [
        ("acme", "active"),
        ("globex", "past_due"),
    ]
    assert [(row["tenant"], row["status"]) for row in site.json("tenants")] == [
        ("acme", "active"),
        ("globex", "past_due"),
    ]
    assert site.json("stripe", "adopt")["candidates"] == []
    assert site.run("stripe", "adopt", "--yes").returncode == 2
    assert {one.method for one in fake.asked()} == {"GET"}


def test_no_output_error_or_log_carries_a_secret(site: VirtualSite, fake: FakeStripe) -> None:
    shop(site, fake)
    said = [site.run(*words, "--json") for words in COMMANDS]
    fake.break_api(Fault.DOWN)
    said += [site.run(*words) for words in COMMANDS]
    fake.mend_api()
    site.stop()
    site.sections = enabled(fake, "sk_test_notOurs0000")
    site.write_config()
    site.start()
    said += [site.run(*words) for words in (*COMMANDS, ("config", "check"), ("status",))]
    texts = [one.stdout + one.stderr for one in said]
    texts.append((site.directory / "daemon.log").read_text())
    for secret in (TEST_KEY, "notOurs0000", SECRET):
        assert not [text for text in texts if secret in text]
    assert "Stripe refuses the key" in "".join(texts)
