"""Reads and writes tenants as a CSV file (RFC 4180), for operators who use a spreadsheet.

The first row names the columns: `tenant` and keys of the accounts file. A key without a column
is left unchanged. An empty cell means the key's default (for `plan`: the tenant's present plan);
it states no value, so resetting a key that way has to be confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import StringIO
from itertools import chain
from typing import Annotated, Any, get_origin

from pydantic import Field, ValidationError, create_model

from pbxbilling.accounts.apply import AccountsFile
from pbxbilling.accounts.file_format import as_written
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import LIMIT_NAMES
from pbxbilling.config.accounts_file import (
    TENANT_KEYS,
    Slug,
    TenantKeys,
    TenantTable,
    declared_statuses,
)
from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.tables.csv_lines import Line, column_faults, csv_lines, length_fault
from pbxbilling.config.validation_messages import faults_of
from pbxbilling.runtime.csv_cells import guarded, joined, parted, unguarded, write_rows


class RowKeys(TenantKeys):
    """The column of a row that is no key of a `[tenant.SLUG]` table."""

    slug: Annotated[Slug, Field(alias="tenant")]


TenantRow = create_model("TenantRow", __base__=RowKeys, **TENANT_KEYS)

_TYPES = {key: field.annotation for key, field in TenantTable.model_fields.items()}
_LISTS = frozenset(key for key, kind in _TYPES.items() if get_origin(kind) is tuple)
_FLAGS = frozenset(key for key, kind in _TYPES.items() if kind is bool)
_NUMBERS = frozenset({*(key for key, kind in _TYPES.items() if kind is int), *LIMIT_NAMES})
_READ = (*(key for key in _TYPES if key not in LIMIT_NAMES), *LIMIT_NAMES)
# `status` is not exported: read back a day later, it would undo what has happened since.
COLUMNS = ("tenant", *(key for key in _READ if key != "status"))
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def write_tenants(tenants: Iterable[Tenant]) -> str:
    """Format the tenants as a file that `read_tenants` reads back the same."""
    text = StringIO(newline="")
    rows = ({**as_written(tenant), "tenant": tenant.slug} for tenant in tenants)
    cells = ([guarded(_cell(row[column])) for column in COLUMNS] for row in rows)
    write_rows(text, chain((COLUMNS,), cells))
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return joined(value) if isinstance(value, list) else str(value)


def read_tenants(text: str, source: str) -> AccountsFile:
    """Read a CSV file of tenants. Raises ConfigError with every fault, its line and its column.

    Columns may be in any order, separated by commas or, as spreadsheets in many countries do, by
    semicolons.
    """
    lines = csv_lines(text, source)
    header = next(lines, None)
    if header is None:
        raise ConfigError([Fault(source, 1, "", _expected_header("the file is empty"))])
    columns = [unguarded(cell).strip() for cell in header.cells]
    if faults := list(_header_faults(columns, source)):
        raise ConfigError(faults)
    rows: dict[str, tuple[Line, RowKeys]] = {}
    for line in lines:
        if any(line.cells):
            faults += _read_row(line, columns, source, rows)
    if faults:
        raise ConfigError(faults)
    return AccountsFile(
        plans=(),
        tenants=tuple(row.tenant(slug) for slug, (_, row) in rows.items()),
        statuses=declared_statuses({slug: row for slug, (_, row) in rows.items()}),
        places={f"tenant {slug}": f"{source}:{line.number}" for slug, (line, _) in rows.items()},
        keys=frozenset(columns),
        stated={
            f"tenant {slug}": frozenset(row.model_fields_set - {"slug"})
            for slug, (_, row) in rows.items()
        },
    )


def _expected_header(why: str) -> str:
    return f'{why}: the first row names the columns, as "tenant,plan,name"; the export has them all'


def _header_faults(columns: list[str], source: str) -> Iterator[Fault]:
    known = ["tenant", *_READ]
    if "tenant" not in columns:
        yield Fault(source, 1, "", _expected_header('there is no column "tenant"'))
    yield from column_faults(columns, known, source)


def _read_row(
    line: Line, columns: list[str], source: str, rows: dict[str, tuple[Line, RowKeys]]
) -> Iterator[Fault]:
    """Add a valid row to `rows`; yield the faults of an invalid one."""
    if len(line.cells) != len(columns):
        yield length_fault(line, columns, source)
        return
    cells = zip(columns, map(unguarded, line.cells), strict=True)
    given = {column: _value(column, cell) for column, cell in cells if _says(column, cell)}
    try:
        row = TenantRow.model_validate_json(json.dumps(given))
    except ValidationError as error:
        for fault in faults_of(error, TenantRow, lambda _key: (source, line.number)):
            yield replace(fault, key=fault.key.partition("[")[0])  # the column
        return
    if row.slug in rows:
        message = f"{row.slug} is on line {rows[row.slug][0].number} already: remove one"
        yield Fault(source, line.number, "tenant", message)
    rows.setdefault(row.slug, (line, row))


def _says(column: str, cell: str) -> bool:
    """Return whether a cell has a value; a blank is no list, but a lone `;` is an empty one."""
    return bool(cell.strip() if column in _LISTS else cell)


def _value(column: str, cell: str) -> Any:
    """Convert a cell to its key's type; leave what does not parse for the model to refuse."""
    if column in _LISTS:
        return parted(cell)
    word = cell.strip()
    if column in _FLAGS:
        return _BOOLEANS.get(word.lower(), word)
    if column in _NUMBERS and word.removeprefix("-").isdecimal() and word.isascii():
        return int(word)
    return cell
