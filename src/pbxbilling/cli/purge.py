"""The purge, by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from pbxbilling.cli.connection import ask
from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.output import print_json, print_rows

app = typer.Typer()


@app.command()
def purge(
    config: Config = DEFAULT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    json: Json = False,
) -> None:
    """Purge what has been kept for its time, for 20 seconds at most."""
    result = ask(config, "purge", {"dry_run": dry_run})
    if json:
        print_json(result)
        return
    rows = [{"what": what, "rows": rows} for what, rows in result["rows"].items()]
    print_rows(
        "chores: [retention] keeps everything for ever", rows, ("what", "rows"), as_json=False
    )
    if dry_run:
        typer.echo("nothing was purged: --dry-run")
    elif not result["complete"]:
        typer.echo("there is more: ask again, or leave it to the nightly purge")
