"""Reads a CSV file that names which tenant a gateway's subscription or customer belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.tables.csv_lines import Line, column_faults, csv_lines, length_fault
from pbxbilling.runtime.csv_cells import unguarded
from pbxbilling.subscriptions.adoption.matching import AdoptionRow

COLUMNS = ("tenant", "subscription", "customer")
_HEADER = 'the first row names the columns, as "tenant,subscription" or "tenant,customer"'


def read_adoption(text: str, source: str) -> list[AdoptionRow]:
    """Read the rows. Raises ConfigError with every fault, its line and its column.

    Whether an id is one that the gateway knows is not judged here.
    """
    lines = csv_lines(text, source)
    header = next(lines, None)
    if header is None:
        raise ConfigError([Fault(source, 1, "", f"the file is empty: {_HEADER}")])
    columns = [unguarded(cell).strip() for cell in header.cells]
    faults = [*column_faults(columns, COLUMNS, source)]
    if "tenant" not in columns or not {"subscription", "customer"} & {*columns}:
        faults.append(Fault(source, 1, "", _HEADER))
    if faults:
        raise ConfigError(faults)
    rows: list[AdoptionRow] = []
    for line in lines:
        if any(line.cells):
            faults += _read_row(line, columns, source, rows)
    if faults:
        raise ConfigError(faults)
    return rows


def _read_row(
    line: Line, columns: list[str], source: str, rows: list[AdoptionRow]
) -> Iterator[Fault]:
    """Add a valid row to `rows`; yield the faults of an invalid one."""
    if len(line.cells) != len(columns):
        yield length_fault(line, columns, source)
        return
    cells = dict(zip(columns, (unguarded(cell).strip() for cell in line.cells), strict=True))
    place = f"{source}:{line.number}"
    faults = [*_row_faults(cells, source, line.number)]
    yield from faults
    if not faults:
        subscription, customer = (cells.get(column) or None for column in COLUMNS[1:])
        rows.append(AdoptionRow(cells["tenant"], subscription, customer, place))


def _row_faults(cells: dict[str, str], source: str, number: int) -> Iterator[Fault]:
    if not cells["tenant"]:
        yield Fault(source, number, "tenant", "expected the name of a tenant")
    subscription, customer = cells.get("subscription", ""), cells.get("customer", "")
    if not subscription and not customer:
        column = "subscription" if "subscription" in cells else "customer"
        yield Fault(source, number, column, "expected the id of a subscription, or of a customer")
    for column, ident, prefix in (
        ("subscription", subscription, "sub_"),
        ("customer", customer, "cus_"),
    ):
        if ident and not ident.startswith(prefix):
            yield Fault(source, number, column, f'expected an id, as "{prefix}…", got "{ident}"')
