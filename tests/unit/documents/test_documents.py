"""A statement as CSV and PDF: its contents, its recipient, and no formula in any cell."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import BytesIO, StringIO

import pytest
from pypdf import PdfReader

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.proration import price_parts
from pbxbilling.billing.rating.rating import rate
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.statement import LineKind, OneOff, Statement, StatementKind
from pbxbilling.documents.csv_files import calls_csv, statement_csv
from pbxbilling.documents.pdf import statement_pdf
from tests.support.billing.documents import statement_with
from tests.support.billing.tariffs import NOVEMBER, all_month, moment, used

ACME = Tenant(
    "acme",
    "voice-500",
    name="Łódź & Şahin Жук",
    address="Große Straße 1\n10115 Berlin",
    vat_id="DE123",
)


def statement(*one_offs: OneOff, name: str = ACME.name, legs: int = 2) -> Statement:
    """Return a month with an overage of 2 minutes, and lines given by hand."""
    terms = all_month(included_minutes=0, tax_rate_bp=1900, timezone="Europe/Berlin")
    rating = rate([used(60, leg=f"pbx1:{number}") for number in range(legs)], terms)
    return statement_of(
        replace(ACME, name=name),
        NOVEMBER,
        StatementKind.FINAL,
        moment(31),
        terms,
        rating,
        prices=price_parts(terms),
        one_offs=one_offs,
    )


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def discount(reason: str = "sorry") -> OneOff:
    return OneOff("1", LineKind.DISCOUNT, reason, 500)


def test_the_rows_add_up_to_the_statement() -> None:
    made = statement(discount())
    rows = read(statement_csv(made))
    assert [row["line_kind"] for row in rows] == ["plan", "overage", "discount"]
    assert [row["net"] for row in rows] == ["204.00", "1.00", "-5.00"]
    assert [row["total"] for row in rows] == ["242.76", "1.19", "-5.95"]
    assert sum(round(float(row["total"]) * 100) for row in rows) == made.total
    overage = rows[1]
    assert (overage["quantity"], overage["rate"], overage["tax_rate"]) == ("120", "0.50", "19.0")


@pytest.mark.parametrize(
    "reason", ["=1+1", "+1", "-1+1", "@SUM(A1)", " =1", '=HYPERLINK("http://x")']
)
def test_no_text_is_a_formula(reason: str) -> None:
    row = read(statement_csv(statement(discount(reason))))[-1]
    assert row["text"] == f"'{reason}"
    assert row["net"] == "-5.00"


def call(**changed: object) -> dict[str, object]:
    given: dict[str, object] = {
        "leg": "pbx1:1.1",
        "line": "overage:500000",
        "fee_line": "",
        "direction": "outbound",
        "caller": "101",
        "number": "+4930123456",
        "call": None,
        "answered_at": None,
        "ended_at": "2026-11-02T10:00:00+00:00",
        "talk_us": 60_200_000,
        "billed_s": 120,
        "included_s": 0,
        "charged_s": 120,
        "rate_micros": 500_000,
        "fee_micros": 0,
        "of_month": "2026-11",
        "estimated": True,
        "over_limit": False,
        "emergency": False,
    }
    return given | changed


def test_calls_are_rows_with_their_seconds_and_rates() -> None:
    one = call(caller="=cmd|' /C calc'!A0")
    given = {"tenant": "acme", "month": "2026-11", "currency": "EUR", "calls": [one]}
    (row,) = read(calls_csv(given))
    assert (row["seconds"], row["billed_seconds"], row["rate_per_minute"]) == (
        "60.200000",
        "120",
        "0.50",
    )
    assert (row["from"], row["to"]) == ("'=cmd|' /C calc'!A0", "'+4930123456")
    assert (row["estimated"], row["over_limit"], row["call"]) == ("yes", "", "")


def test_the_page_names_payer_lines_and_sums() -> None:
    pdf = statement_pdf(statement(discount("Für die Störung")), ("PBX pbx1: could not be read",))
    text = text_of(pdf)
    for told in (
        "Statement 2026-11",
        "Łódź & Şahin Жук (acme)",
        "Große Straße 1",
        "VAT DE123",
        "Für die Störung",
        "2:00 min",
        "0.50 / min",
        "-5.95",
        "238.00 EUR",
        "From 2026-11-01 01:00 Europe/Berlin",
        "PBX pbx1: could not be read",
        "1/1",
    ):
        assert told in text, told


def test_the_same_statement_is_the_same_bytes() -> None:
    assert statement_pdf(statement()) == statement_pdf(statement())
    assert statement_pdf(statement()) != statement_pdf(statement(discount()))


def test_many_lines_go_on_on_further_pages() -> None:
    fees = [OneOff(str(n), LineKind.FEE, f"Phone {n}", 100) for n in range(120)]
    reader = PdfReader(BytesIO(statement_pdf(statement(*fees))))
    assert len(reader.pages) > 2
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert all(f"Phone {number}" in text for number in range(120))
    assert text.count("Quantity") == len(reader.pages)


WIDEST = ("W", "\u2014", "株", "W ", "😀", "W\n", "\u0301")


@pytest.mark.parametrize("letter", WIDEST)
def test_every_text_that_is_let_in_has_its_page(letter: str) -> None:
    """So has one that an older release let in, of any length."""
    name = (letter * 200)[:200]
    for text in (name, letter * 60_000):
        made = statement_with(text, address=(f"{letter}\n" * 500)[:1000])
        units = replace(made.lines[0], unit=text)
        whole = replace(made, lines=(units, *made.lines[1:]))
        assert statement_pdf(whole, (text[:1000],)).startswith(b"%PDF")


def test_a_name_in_a_script_without_letters_of_ours_fails_nothing() -> None:
    assert statement_pdf(statement(name="株式会社 😀\x00\x07")).startswith(b"%PDF")
