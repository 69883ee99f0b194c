"""A statement as a PDF of A4 pages: one statement gives the same bytes at any time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from pbxbilling.billing.statements.statement import (
    Payer,
    Statement,
    StatementKind,
    StatementLine,
)
from pbxbilling.kernel.money import from_basis_points, from_micros, from_minor
from pbxbilling.kernel.period import zone
from pbxbilling.kernel.text import LINES_MOST, shown

if TYPE_CHECKING:
    from fpdf import FPDF

_TITLES = {
    StatementKind.PREVIEW: "Statement (preview)",
    StatementKind.INTERIM: "Statement (interim copy)",
    StatementKind.FINAL: "Statement",
}
_HEADINGS = ("", "Quantity", "Rate", "Net", "Tax %", "Tax", "Total")
_WIDTHS = (64, 26, 24, 22, 12, 18, 24)
_ALIGNMENT = ("LEFT", "RIGHT", "RIGHT", "RIGHT", "RIGHT", "RIGHT", "RIGHT")
_FONT = "DejaVu"
# Characters in a row's columns: no row may be higher than a page, in the widest letters too.
_TEXT_MOST, _UNIT_MOST = 400, 100


def statement_pdf(statement: Statement, notices: tuple[str, ...] = ()) -> bytes:
    """Return the statement, its payer and lines, on as many pages as needed."""
    page = _blank(statement)
    _head(page, statement)
    _lines(page, statement)
    _foot(page, statement, notices)
    return bytes(page.output())


def _blank(statement: Statement) -> FPDF:
    from fpdf import FPDF

    class Page(FPDF):
        def footer(self) -> None:
            self.set_y(-15)
            self.set_font(_FONT, size=8)
            text = f"{_title(statement)} · {statement.payer.tenant}"
            self.cell(0, 5, f"{text} · {self.page_no()}/{{nb}}", align="C")

    page = Page(format="A4")
    fonts = files("pbxbilling.documents") / "fonts"
    for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        with as_file(fonts / name) as font:
            page.add_font(_FONT, style, font)
    page.set_creation_date(statement.made_at)
    page.set_title(f"{_title(statement)} {statement.payer.tenant}")
    page.set_lang("en")
    page.set_auto_page_break(auto=True, margin=20)
    page.add_page()
    return page


def _title(statement: Statement) -> str:
    return f"{_TITLES[statement.kind]} {statement.period.month}"


def _head(page: FPDF, statement: Statement) -> None:
    payer = statement.payer
    page.set_font(_FONT, "B", 16)
    page.cell(0, 10, _title(statement), new_x="LMARGIN", new_y="NEXT")
    page.set_font(_FONT, size=10)
    page.ln(2)
    vat = f"VAT {payer.vat_id}" if payer.vat_id else ""
    name = payer.name if payer.name == payer.tenant else f"{payer.name} ({payer.tenant})"
    for text in (_fitting(name), *_address(payer), _fitting(payer.email), _fitting(vat)):
        if text:
            page.multi_cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")
    page.ln(2)
    period = statement.period
    for word, at in (("From", period.begins), ("until", period.ends), ("Made", statement.made_at)):
        text = f"{word} {_local(statement, at)}"
        page.cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")
    page.ln(4)


def _address(payer: Payer) -> Iterable[str]:
    """Return the lines of an address that are not blank."""
    lines = payer.address[:LINES_MOST].split("\n")
    return filter(None, (shown(line).strip() for line in lines))


def _local(statement: Statement, at: datetime) -> str:
    """Format an instant in the tenant's time zone, with the zone's name."""
    timezone = statement.tariff_versions[-1].tariff.timezone
    return f"{at.astimezone(zone(timezone)):%Y-%m-%d %H:%M} {timezone}"


def _lines(page: FPDF, statement: Statement) -> None:
    from fpdf.fonts import FontFace

    page.set_font(_FONT, size=8)
    with page.table(
        col_widths=_WIDTHS,
        text_align=_ALIGNMENT,
        headings_style=FontFace(emphasis="BOLD", fill_color=(235, 235, 235)),
        borders_layout="HORIZONTAL_LINES",
        line_height=5,
        padding=1,
    ) as table:
        table.row(_HEADINGS)
        for line in statement.lines:
            table.row(_cells(line, statement))


def _cells(line: StatementLine, statement: Statement) -> tuple[str, ...]:
    text, currency = _fitting(line.text), statement.currency
    if line.begins is not None and line.ends is not None:
        text += f"\n{_local(statement, line.begins)[:10]} to {_local(statement, line.ends)[:10]}"
    return (
        text,
        _quantity(line),
        _rate(line),
        from_minor(line.amount, currency),
        from_basis_points(line.tax_rate_bp),
        from_minor(line.tax, currency),
        from_minor(line.amount + line.tax, currency),
    )


def _fitting(text: str, most: int = _TEXT_MOST) -> str:
    """Shorten a text that an older release has let in: a statement must have its page."""
    text = shown(text)
    return text if len(text) <= most else f"{text[:most]}…"


def _quantity(line: StatementLine) -> str:
    """Format seconds as exact minutes; anything else in its own unit."""
    if line.unit == "s":
        return f"{_minutes(line.quantity)} min"
    return _fitting(f"{line.quantity} {line.unit}".strip(), _UNIT_MOST)


def _minutes(quantity_s: int) -> str:
    minutes, seconds = divmod(quantity_s, 60)
    return f"{minutes}:{seconds:02}"


def _rate(line: StatementLine) -> str:
    if line.rate_micros is None:
        return ""
    if line.unit == "s" and line.per == 60:
        return f"{from_micros(line.rate_micros)} / min"
    per = f" / {line.per}" if line.per != 1 else ""
    return f"{from_micros(line.rate_micros)}{per}"


def _foot(page: FPDF, statement: Statement, notices: tuple[str, ...]) -> None:
    currency = statement.currency
    page.ln(4)
    page.set_font(_FONT, size=10)
    for name, amount in (("Net", statement.net), ("Tax", statement.tax)):
        text = f"{name}   {from_minor(amount, currency)} {currency}"
        page.cell(0, 6, text, align="R", new_x="LMARGIN", new_y="NEXT")
    page.set_font(_FONT, "B", 12)
    total = f"Total   {from_minor(statement.total, currency)} {currency}"
    page.cell(0, 8, total, align="R", new_x="LMARGIN", new_y="NEXT")
    page.set_font(_FONT, size=8)
    for text in (*_remarks(statement), *notices):
        page.multi_cell(0, 4, text, new_x="LMARGIN", new_y="NEXT")


def _remarks(statement: Statement) -> tuple[str, ...]:
    allowance = statement.allowance_s
    used = _minutes(statement.used_s)
    included = "unlimited" if allowance is None else f"{allowance // 60}"
    remarks = [f"Included minutes: {included}, used {used}. Calls: {len(statement.legs)}."]
    if statement.estimated_legs:
        remarks.append(f"Calls whose end was estimated: {statement.estimated_legs}.")
    if statement.free_emergency_legs:
        free = statement.free_emergency_legs
        remarks.append(f"Calls to emergency numbers, free of charge: {free}.")
    if statement.payer.tax_exempt:
        remarks.append("Exempt from tax.")
    if statement.demo:
        remarks.append("A demonstration: nothing is charged.")
    return tuple(remarks)
