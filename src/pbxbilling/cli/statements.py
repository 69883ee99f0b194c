"""Commands about statements: previews, saved ones, and the calls on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pbxbilling.cli.connection import every, get, post, quoted
from pbxbilling.cli.options import DEFAULT, Config, ForTenant, Json, parsed_period
from pbxbilling.cli.printing.output import (
    print_csv,
    print_done,
    print_json,
    print_line,
    print_rows,
    write_file,
)
from pbxbilling.kernel.bounds import COUNT_MOST

app = typer.Typer()
statement_app = typer.Typer(help="One tenant's statement.", no_args_is_help=True)
oneoff_app = typer.Typer(help="One-off lines on a statement.", no_args_is_help=True)

Month = Annotated[
    str, typer.Option("--month", help="The period that begins in this month, as 2026-11.")
]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")]
Pdf = Annotated[
    Path | None,
    typer.Option("--pdf", help="Write a PDF to this file; - is standard output."),
]

_STATEMENTS = ("tenant", "month", "number", "kind", "made_at", "net", "tax", "total", "currency")
_RECORDS = (
    "leg", "ended_at", "direction", "from", "to", "talk_seconds", "billed_s", "included_s",
    "charged_s", "line",
)  # fmt: skip
_ONE_OFFS = ("number", "month", "kind", "amount", "currency", "reason", "actor", "at", "used_in")


@statement_app.command("preview")
def statement_preview(
    tenant: str,
    config: Config = DEFAULT,
    month: Month = "",
    csv: Csv = False,
    pdf: Pdf = None,
    json: Json = False,
) -> None:
    """Show the statement of an open period as it stands; the current one by default."""
    path = f"/tenants/{quoted(tenant)}/statements/preview"
    _print(get(config, path, month=_period(month)), csv=csv, pdf=pdf, json=json)


@statement_app.command("show")
def statement_show(
    tenant: str,
    config: Config = DEFAULT,
    month: Month = "",
    number: Annotated[
        int,
        typer.Option(min=0, max=COUNT_MOST, help="Number of an interim copy; 0 is the final one."),
    ] = 0,
    csv: Csv = False,
    pdf: Pdf = None,
    json: Json = False,
) -> None:
    """Show a saved statement; the last final one by default."""
    path = f"/tenants/{quoted(tenant)}/statement"
    found = get(config, path, month=_period(month), number=number)
    _print(found, csv=csv, pdf=pdf, json=json)


@statement_app.command("save")
def statement_save(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Save the current period as it stands as an interim copy."""
    saved = post(config, f"/tenants/{quoted(tenant)}/statements")
    sentence = (
        f"interim copy {saved['number']} of {saved['month']} saved: {saved['total']}"
        f" {saved['currency']}; `statement show {tenant} --month {saved['month']}"
        f" --number {saved['number']}` shows it"
    )
    print_done(saved, sentence, as_json=json)


@app.command()
def statements(
    config: Config = DEFAULT, tenant: ForTenant = None, month: Month = "", json: Json = False
) -> None:
    """List saved statements."""
    rows = every(config, "/statements", tenant=tenant, month=_period(month))
    print_rows("statements", rows, _STATEMENTS, as_json=json)


@app.command()
def records(
    tenant: Annotated[str, typer.Option(help="The tenant.")],
    config: Config = DEFAULT,
    month: Month = "",
    line: Annotated[str, typer.Option(help="Only calls of this line, by its key.")] = "",
    csv: Csv = False,
    json: Json = False,
) -> None:
    """List the calls on a statement, saved or as it stands."""
    path = f"/tenants/{quoted(tenant)}/statement/calls"
    found = get(config, path, month=_period(month), line=line or None)
    if csv:
        from pbxbilling.documents.csv_files import calls_csv

        print_csv(calls_csv(found))
    elif json:
        print_json(found)
    else:
        print_rows("calls", [_call(one) for one in found["calls"]], _RECORDS, as_json=False)


def _call(one: Mapping[str, Any]) -> dict[str, Any]:
    seconds = one["talk_us"] / 1_000_000
    return {**one, "from": one["caller"], "to": one["number"], "talk_seconds": seconds}


@oneoff_app.command("add")
def oneoff_add(
    tenant: str,
    amount: Annotated[str, typer.Option(help="Net, as 5.00, in the plan's currency.")],
    reason: Annotated[str, typer.Option(help="Printed on the statement.")],
    config: Config = DEFAULT,
    kind: Annotated[
        str, typer.Option(help="fee (adds), discount or credit (both subtract).")
    ] = "fee",
    month: Month = "",
    json: Json = False,
) -> None:
    """Add a line to a statement that is not closed."""
    entry = post(
        config,
        f"/tenants/{quoted(tenant)}/one-offs",
        kind=kind,
        amount=amount,
        reason=reason,
        month=_period(month),
    )
    sentence = (
        f"{entry['kind']} {entry['number']}: {entry['amount']} {entry['currency']} on the"
        f" statement {entry['month']} of {tenant}"
    )
    print_done(entry, sentence, as_json=json)


@oneoff_app.command("list")
def oneoff_list(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """List one-off lines, and the final statements that they are on."""
    rows = get(config, f"/tenants/{quoted(tenant)}/one-offs")
    print_rows("one-off lines", rows, _ONE_OFFS, as_json=json)


def _period(month: str) -> str | None:
    return parsed_period(month) if month else None


def _print(written: Mapping[str, Any], *, csv: bool, pdf: Path | None, json: bool) -> None:
    """Print a statement in the requested form; as a page by default."""
    if json:
        print_json(written)
        return
    if not csv and pdf is None:
        from pbxbilling.cli.printing.statements import show_statement

        show_statement(written)
        return
    from pbxbilling.billing.statements.document import statement_from
    from pbxbilling.documents.csv_files import statement_csv

    if csv:
        print_csv(statement_csv(statement_from(written)))
    if pdf is not None:
        _write_pdf(written, pdf)


def _write_pdf(written: Mapping[str, Any], file: Path) -> None:
    from pbxbilling.billing.statements.document import statement_from
    from pbxbilling.documents.pdf import statement_pdf

    if write_file(file, statement_pdf(statement_from(written), tuple(written["notices"]))):
        print_line(f"{file} written")
