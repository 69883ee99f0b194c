"""Statements over the admin socket: the JSON shapes that programs rely on."""

from __future__ import annotations

import csv

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.billing.statements.document import statement_from
from pbxbilling.billing.take_figures import Figures
from pbxbilling.kernel.money import from_minor
from pbxbilling.payments.compare import Comparison
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.web.api.services import Services
from tests.support.accounts.administration import administrations
from tests.support.billing.statements import Office, billing_desk
from tests.support.identity.tokens import identity_of
from tests.support.privacy.purges import NoMinutes, forgetter_of, purge_of
from tests.support.web.api_client import ApiClient

LINE = {
    "key", "kind", "text", "quantity", "unit", "rate_micros", "per", "amount_minor", "tax_rate_bp",
    "tax_minor", "begins_at", "ends_at",
}  # fmt: skip


class Served(Office):
    """The billing run behind its commands; November was closed, December is open."""

    @classmethod
    async def opened(cls) -> Served:
        office = cls("2026-11-20T00:00")
        await office.closer.look()
        await office.called("2026-11-21T10:00", 3)
        await office.at("2026-12-03T00:00")
        return office

    @property
    def api(self) -> ApiClient:
        in_force = InForce(Policy(), self.writer.registry)
        services = Services(
            *administrations(self.store, self.writer, self.clock),
            DailyCheck(
                self.writer,
                self.store.subscription_store,
                self.store,
                self.clock,
                in_force,
            ),
            billing_desk(self.store, self.writer, self.clock),
            purge_of(self.store, self.clock, []),
            Figures(
                self.store.subscription_store,
                self.store.statement_store,
                in_force,
                self.clock,
            ),
            forgetter_of(self.store, self.writer, self.clock),
            Comparison(self.writer.registry, self.store.statement_store, NoMinutes()),
            identity_of(self.store, self.writer.registry, self.clock),
        )
        return ApiClient(services)


async def test_a_saved_statement_is_shown_as_it_was_written() -> None:
    office = await Served.opened()
    shown = await office.api.get("/tenants/acme/statement", number=0)
    assert (shown["month"], shown["kind"], shown["number"]) == ("2026-11", "final", 0)
    assert all(line.keys() >= LINE for line in shown["lines"])
    assert [leg["leg"] for leg in shown["legs"]] == ["pbx1:1.0"]
    assert statement_from(shown).net == shown["net_minor"] == 1050


async def test_a_preview_has_no_number() -> None:
    office = await Served.opened()
    shown = await office.api.get("/tenants/acme/statements/preview")
    assert (shown["month"], shown["kind"], shown["number"]) == ("2026-12", "preview", None)
    assert shown["notices"] == []


async def test_copies_and_final_ones_are_listed_without_their_documents() -> None:
    office = await Served.opened()
    saved = await office.api.post("/tenants/acme/statements")
    assert (saved["number"], saved["kind"], saved["net"]) == (1, "interim", "10.00")
    listed = await office.api.get("/statements")
    assert [(one["month"], one["kind"], one["total"]) for one in listed] == [
        ("2026-11", "final", "10.50"),
        ("2026-12", "interim", "10.00"),
    ]
    assert listed[1] == saved


async def test_calls_are_listed_with_their_line() -> None:
    office = await Served.opened()
    found = await office.api.get("/tenants/acme/statement/calls", month="2026-11")
    (call,) = found.pop("calls")
    assert found == {"tenant": "acme", "month": "2026-11", "number": 0, "currency": "EUR"}
    assert (call["leg"], call["line"], call["charged_s"]) == ("pbx1:1.0", "overage:500000", 60)


async def test_one_off_lines_are_added_by_name_and_listed() -> None:
    office = await Served.opened()
    given = {"kind": "credit", "amount": "2.50", "reason": "sorry"}
    entry = await office.api.post("/tenants/acme/one-offs", **given)
    assert (entry["amount"], entry["actor"], entry["month"]) == ("2.50", "alice", "2026-12")
    assert await office.api.get("/tenants/acme/one-offs") == [entry]


async def test_a_change_of_plan_says_what_it_costs() -> None:
    office = await Served.opened()
    told = await office.api.post(
        "/tenants/acme/plan-changes", plan="pro", at="2026-12-01T00:00:00+00:00", dry_run=False
    )
    assert {key: told[key] for key in ("credit", "charge", "difference", "committed")} == {
        "credit": "10.00",
        "charge": "40.00",
        "difference": "30.00",
        "committed": True,
    }


async def test_the_bill_to_come_is_the_preview_to_the_cent() -> None:
    office = await Served.opened()
    shown = await office.api.get("/tenants/acme/billing")
    preview = await office.api.get("/tenants/acme/statements/preview")
    upcoming = shown["upcoming_charges"]
    for key in ("net", "tax", "total"):
        amount = from_minor(preview[f"{key}_minor"], preview["currency"])
        assert upcoming[key] == {"amount": amount, "currency": preview["currency"]}
    assert (upcoming["month"], shown["current_subscription"]) == ("2026-12", None)
    assert shown["current_period_usage"]["tenant"] == "acme"
    assert shown["recent_invoices"] == []


async def test_records_are_ended_legs_as_they_are_rated_across_periods() -> None:
    office = await Served.opened()
    await office.called("2026-12-02T10:00", 2)
    november, december = {"from": "2026-11-01T00:00:00Z"}, {"from": "2026-12-01T00:00:00Z"}
    both = await office.api.get("/records", tenant="acme", **november)
    assert [(one["month"], one["statement"], one["currency"]) for one in both] == [
        ("2026-11", 0, "EUR"),
        ("2026-12", None, "EUR"),
    ]
    assert [one["charged_s"] for one in both] == [60, 0]
    assert await office.api.get("/records", tenant="acme", **december) == both[1:]
    assert await office.api.get("/records", tenant="acme") == both[1:]  # the current period
    until = {"to": "2026-12-01T00:00:00Z"}
    assert await office.api.get("/records", tenant="acme", **november, **until) == both[:1]
    one = await office.api.get("/records", tenant="acme", limit=1, **november)
    place = f"{one[-1]['ended_at']}~{one[-1]['leg']}"
    later = await office.api.get("/records", tenant="acme", after=place, **november)
    assert one + later == both


async def test_records_come_as_a_table_too() -> None:
    office = await Served.opened()
    table = await office.api.text("/records", tenant="acme", **{"from": "2026-11-01T00:00:00Z"})
    (row,) = csv.DictReader(table.splitlines())
    assert (row["tenant"], row["month"], row["leg"]) == ("acme", "2026-11", "pbx1:1.0")
    assert (row["charged_seconds"], row["currency"]) == ("60", "EUR")
