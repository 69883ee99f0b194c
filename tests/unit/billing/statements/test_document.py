"""A saved statement reads back unchanged, and its field names stay."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.proration import price_parts
from pbxbilling.billing.rating.rating import UsedLeg, rate
from pbxbilling.billing.rating.tariff import TariffVersion
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.document import as_json, statement_from
from pbxbilling.billing.statements.statement import LineKind, OneOff, StatementKind
from tests.support.billing.months import legs, terms
from tests.support.billing.tariffs import NOVEMBER, all_month, moment, used

ACME = Tenant("acme", "voice-500", name="Acme €", vat_id="DE1")


@given(terms(), legs(), st.sampled_from(StatementKind), st.booleans())
def test_a_statement_is_read_back_as_it_was_written(
    tariff_versions: tuple[TariffVersion, ...],
    used: list[UsedLeg],
    kind: StatementKind,
    with_setup: bool,
) -> None:
    statement = statement_of(
        ACME,
        NOVEMBER,
        kind,
        moment(30, 0.000_001),
        tariff_versions,
        rate(used, tariff_versions),
        prices=price_parts(tariff_versions),
        with_setup=with_setup,
        one_offs=[OneOff("1", LineKind.CREDIT, "Paid twice", 5)],
    )
    written = json.dumps(as_json(statement))
    assert statement_from(json.loads(written)) == statement
    assert json.dumps(as_json(statement_from(json.loads(written)))) == written


def test_the_words_of_a_saved_statement_stay() -> None:
    terms = all_month(included_minutes=1, tax_rate_bp=1_900)
    rating = rate([used(61)], terms)
    written = as_json(
        statement_of(ACME, NOVEMBER, StatementKind.FINAL, NOVEMBER.ends, terms, rating)
    )
    assert {key: written[key] for key in written if key not in ("payer", "tariffs")} == {
        "tenant": "acme",
        "month": "2026-11",
        "begins_at": "2026-11-01T00:00:00+00:00",
        "ends_at": "2026-12-01T00:00:00+00:00",
        "kind": "final",
        "made_at": "2026-12-01T00:00:00+00:00",
        "currency": "EUR",
        "demo": False,
        "net_minor": 50,
        "tax_minor": 10,
        "total_minor": 60,
        "included_s": 60,
        "used_s": 60,
        "estimated_legs": 0,
        "free_emergency_legs": 0,
        "lines": [
            {
                "key": "overage:500000",
                "kind": "overage",
                "text": "Minutes beyond those included",
                "quantity": 60,
                "unit": "s",
                "rate_micros": 500_000,
                "per": 60,
                "amount_minor": 50,
                "tax_rate_bp": 1_900,
                "tax_minor": 10,
                "begins_at": None,
                "ends_at": None,
            }
        ],
        "legs": [
            {
                "leg": "pbx1:1",
                "direction": "outbound",
                "number": "4930123456",
                "ended_at": "2026-11-02T00:00:00+00:00",
                "talk_us": 61_000_000,
                "billed_s": 120,
                "included_s": 60,
                "charged_s": 60,
                "rate_micros": 500_000,
                "line": "overage:500000",
                "fee_micros": 0,
                "fee_line": "",
                "estimated": False,
                "over_limit": False,
                "emergency": False,
            }
        ],
        "late": [],
    }
