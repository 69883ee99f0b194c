"""Prints a statement as a page for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pbxbilling.cli.printing.tables import console, local_time, table
from pbxbilling.kernel.money import from_basis_points, from_micros, from_minor

_LINES = ("line", "text", "quantity", "rate", "net", "tax_percent", "tax", "total")
_KINDS = {
    "preview": "as it stands",
    "interim": "interim copy",
    "final": "final",
}


def show_statement(written: Mapping[str, Any]) -> None:
    """Print tenant and period, the lines, the sums and the notices."""
    page = console()
    number = f" {written['number']}" if written["number"] else ""
    page.print(
        f"{written['tenant']}, {written['month']}: {_KINDS[written['kind']]}{number},"
        f" from {local_time(written['begins_at'])} until {local_time(written['ends_at'])}"
    )
    page.print("", table([_line(line, written["currency"]) for line in written["lines"]], _LINES))
    page.print("")
    for text in _sums(written):
        page.print(text)


def _line(line: Mapping[str, Any], currency: str) -> dict[str, Any]:
    net, tax = line["amount_minor"], line["tax_minor"]
    rate = line["rate_micros"]
    per = f" / {line['per']}" if line["per"] != 1 else ""
    return {
        "line": line["key"],
        "text": line["text"],
        "quantity": f"{line['quantity']} {line['unit']}".strip(),
        "rate": None if rate is None else f"{from_micros(rate)}{per} {line['unit']}".strip(),
        "net": from_minor(net, currency),
        "tax_percent": from_basis_points(line["tax_rate_bp"]),
        "tax": from_minor(tax, currency),
        "total": from_minor(net + tax, currency),
    }


def _sums(written: Mapping[str, Any]) -> Iterator[str]:
    currency = written["currency"]
    net, tax, total = (
        from_minor(written[f"{name}_minor"], currency) for name in ("net", "tax", "total")
    )
    yield f"net {net}, tax {tax}, total {total} {currency}"
    included = written["included_s"]
    minutes = "unlimited" if included is None else f"{included // 60}"
    yield (
        f"included minutes {minutes}, used {written['used_s'] / 60:.2f};"
        f" {len(written['legs'])} calls" + _estimated(written) + _emergencies(written)
    )
    if written["demo"]:
        yield "a demo tenant: nothing is charged"
    yield from (f"note: {notice}" for notice in written["notices"])


def _estimated(written: Mapping[str, Any]) -> str:
    legs = written["estimated_legs"]
    return f", {legs} with an estimated end" if legs else ""


def _emergencies(written: Mapping[str, Any]) -> str:
    legs = written["free_emergency_legs"]
    return f", {legs} to emergency numbers, free of charge" if legs else ""
