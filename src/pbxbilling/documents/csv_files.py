"""Statements and their calls as CSV: amounts in major units, text in guarded cells."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from pbxbilling.billing.statements.statement import Statement, StatementLine
from pbxbilling.kernel.money import from_basis_points, from_micros, from_minor
from pbxbilling.runtime.csv_cells import guarded

_STATEMENT = (
    "tenant", "month", "kind", "currency", "line", "line_kind", "text", "quantity", "unit", "rate",
    "per", "begins_at", "ends_at", "net", "tax_rate", "tax", "total",
)  # fmt: skip
_CALLS = (
    "tenant", "month", "leg", "line", "fee_line", "direction", "from", "to", "call", "answered_at",
    "ended_at", "seconds", "billed_seconds", "included_seconds", "charged_seconds",
    "rate_per_minute", "price_of_call", "currency", "of_month", "estimated", "over_limit",
    "emergency",
)  # fmt: skip


def statement_csv(statement: Statement) -> str:
    """Return a row for each line of the statement; their sum is its total."""
    return _file(_STATEMENT, (_line(statement, line) for line in statement.lines))


def calls_csv(calls: Mapping[str, Any]) -> str:
    """Return a row for each call; `calls` is the answer of the command `records`."""
    return _file(_CALLS, (_call(calls, one) for one in calls["calls"]))


def _line(statement: Statement, line: StatementLine) -> dict[str, object]:
    currency = statement.currency
    return {
        "tenant": statement.payer.tenant,
        "month": statement.period.month,
        "kind": statement.kind.value,
        "currency": currency,
        "line": line.key,
        "line_kind": line.kind.value,
        "text": line.text,
        "quantity": line.quantity,
        "unit": line.unit,
        "rate": "" if line.rate_micros is None else from_micros(line.rate_micros),
        "per": line.per,
        "begins_at": line.begins.isoformat() if line.begins else "",
        "ends_at": line.ends.isoformat() if line.ends else "",
        "net": from_minor(line.amount, currency),
        "tax_rate": from_basis_points(line.tax_rate_bp),
        "tax": from_minor(line.tax, currency),
        "total": from_minor(line.amount + line.tax, currency),
    }


def _call(calls: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, object]:
    return {
        **{name: one[name] for name in ("leg", "line", "fee_line", "direction", "call")},
        **{name: one[name] for name in ("answered_at", "ended_at", "of_month")},
        **{flag: "yes" if one[flag] else "" for flag in ("estimated", "over_limit", "emergency")},
        "tenant": calls["tenant"],
        "month": calls["month"],
        "currency": calls["currency"],
        "from": one["caller"],
        "to": one["number"],
        "seconds": f"{one['talk_us'] / 1_000_000:.6f}",
        "billed_seconds": one["billed_s"],
        "included_seconds": one["included_s"],
        "charged_seconds": one["charged_s"],
        "rate_per_minute": from_micros(one["rate_micros"]),
        "price_of_call": from_micros(one["fee_micros"]),
    }


def _file(columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> str:
    text = StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: object) -> object:
    """Guard text that a spreadsheet would calculate; an amount below 0 stays a number."""
    if not isinstance(value, str) or _is_number(value):
        return value
    return guarded(value)


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.replace(".", "", 1).isdigit()
