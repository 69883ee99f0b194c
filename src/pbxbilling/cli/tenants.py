"""Commands about all tenants at once: list, export and import."""

from __future__ import annotations

from pathlib import Path

import typer

from pbxbilling.cli.changes import print_changes
from pbxbilling.cli.connection import every, get, put_file
from pbxbilling.cli.options import DEFAULT, Config, DryRun, Json, Reset
from pbxbilling.cli.printing.output import STANDARD, print_json, print_rows, write_file
from pbxbilling.cli.printing.pages import plan_in_words

app = typer.Typer(invoke_without_command=True)

_COLUMNS = ("tenant", "plan", "status", "mode", "calls", "max_calls", "trunk_legs", "blocks")


@app.callback()
def tenants(context: typer.Context, config: Config = DEFAULT, json: Json = False) -> None:
    """List all tenants with their load."""
    if context.invoked_subcommand is not None:
        return
    reports = every(config, "/tenants")
    if json:
        print_json(reports)
    else:
        rows = [{**report, "plan": plan_in_words(report)} for report in reports]
        print_rows("tenants", rows, _COLUMNS, as_json=False)


@app.command("export")
def export_tenants(file: Path, config: Config = DEFAULT, json: Json = False) -> None:
    """Write all tenants as a CSV file; - is standard output."""
    text = get(config, "/accounts/tenants.csv")
    if json:
        print_json(text)
    else:
        write_file(file, text.encode())


@app.command("import")
def import_tenants(
    file: Path,
    config: Config = DEFAULT,
    dry_run: DryRun = False,
    reset: Reset = False,
    json: Json = False,
) -> None:
    """Make tenants match a CSV file, and print what changed; - is standard input."""
    from pbxbilling.config.document import read_text

    text = read_text(Path("/dev/stdin") if file == STANDARD else file, newline="")
    given = {"text": text, "source": str(file), "dry_run": dry_run, "reset": reset}
    changes = put_file(config, "/accounts/tenants.csv", **given)
    print_changes(changes, "tenants", dry_run=dry_run, reset=reset, as_json=json, brief=True)
