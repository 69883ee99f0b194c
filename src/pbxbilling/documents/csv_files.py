"""Statements and their calls as CSV: amounts in major units, text in guarded cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from itertools import chain
from typing import Any, NamedTuple

from pbxbilling.billing.statements.statement import Statement, StatementLine
from pbxbilling.kernel.money import from_basis_points, from_micros, from_minor
from pbxbilling.kernel.text import shown
from pbxbilling.runtime.csv_cells import guarded, write_rows

_STATEMENT = (
    "tenant", "month", "kind", "currency", "line", "line_kind", "text", "quantity", "unit", "rate",
    "per", "begins_at", "ends_at", "net", "tax_rate", "tax", "total",
)  # fmt: skip


class _Column(NamedTuple):
    """A column of the calls: its name, what it shows of a call, and how."""

    name: str
    key: str
    cell: Callable[[Any], object] = lambda value: value


def _seconds(us: int) -> str:
    return f"{us / 1_000_000:.6f}"


def _yes(flag: bool) -> str:  # noqa: FBT001 - a cell's value
    return "yes" if flag else ""


_CALLS = (
    _Column("tenant", "tenant"),
    _Column("month", "month"),
    _Column("leg", "leg"),
    _Column("line", "line"),
    _Column("fee_line", "fee_line"),
    _Column("direction", "direction"),
    _Column("from", "caller"),
    _Column("to", "number"),
    _Column("call", "call"),
    _Column("answered_at", "answered_at"),
    _Column("ended_at", "ended_at"),
    _Column("seconds", "talk_us", _seconds),
    _Column("billed_seconds", "billed_s"),
    _Column("included_seconds", "included_s"),
    _Column("charged_seconds", "charged_s"),
    _Column("rate_per_minute", "rate_micros", from_micros),
    _Column("price_of_call", "fee_micros", from_micros),
    _Column("currency", "currency"),
    _Column("of_month", "of_month"),
    _Column("estimated", "estimated", _yes),
    _Column("over_limit", "over_limit", _yes),
    _Column("emergency", "emergency", _yes),
)


def statement_csv(statement: Statement) -> str:
    """Return a row for each line of the statement; their sum is its total."""
    return _file(_STATEMENT, (_line(statement, line) for line in statement.lines))


def calls_csv(calls: Mapping[str, Any]) -> str:
    """Return a row for each call; `calls` is the answer of the command `records`."""
    shared = {name: calls[name] for name in ("tenant", "month", "currency")}
    columns = tuple(column.name for column in _CALLS)
    return _file(columns, (_call({**one, **shared}) for one in calls["calls"]))


def records_csv(records: Iterable[Mapping[str, Any]], *, with_head: bool) -> str:
    """Return a row for each call as rated; `records` are the rows of the API's `records`."""
    columns = tuple(column.name for column in _CALLS)
    return _file(columns, map(_call, records), with_head=with_head)


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


def _call(one: Mapping[str, Any]) -> dict[str, object]:
    return {column.name: column.cell(one[column.key]) for column in _CALLS}


def _file(
    columns: tuple[str, ...], rows: Iterable[Mapping[str, object]], *, with_head: bool = True
) -> str:
    text = StringIO(newline="")
    cells = ([_cell(row[name]) for name in columns] for row in rows)
    write_rows(text, chain((columns,) if with_head else (), cells))
    return text.getvalue()


def _cell(value: object) -> object:
    """Guard text that a spreadsheet would calculate; an amount below 0 stays a number.

    A terminal may show the file: what it would obey is left out.
    """
    if not isinstance(value, str) or _is_number(value):
        return value
    return guarded(shown(value))


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.replace(".", "", 1).isdigit()
