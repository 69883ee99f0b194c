"""Commands about personal data: export, forget, purge."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from pbxbilling.cli.connection import delete, post, quoted
from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.printing.output import print_done, print_json, print_line, print_rows

app = typer.Typer()
purge_app = typer.Typer()


@app.command("export-data")
def export_data(tenant: str, file: Path, config: Config = DEFAULT, json: Json = False) -> None:
    """Export everything stored about a tenant into a new zip of JSON lines."""
    from pbxbilling.config.load import load
    from pbxbilling.runtime.clock import SystemClock
    from pbxbilling.store.database.opening import database_at
    from pbxbilling.store.export import export_tenant

    source = database_at(load(config, os.environ).database.place)
    rows = asyncio.run(export_tenant(source, tenant, file, SystemClock().now()))
    done = {"tenant": tenant, "file": str(file.absolute()), "rows": rows}
    print_done(
        done,
        f"{file}: everything stored about tenant {tenant}, {sum(rows.values())} rows",
        as_json=json,
    )


@app.command()
def forget(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Erase contacts and numbers of a former tenant; its statements stay."""
    done = delete(config, f"/tenants/{quoted(tenant)}/personal-data")
    sentence = f"tenant {tenant} is forgotten: numbers cut in {done['rows']} rows"
    print_done(done, sentence, done["notes"], as_json=json)


@purge_app.command()
def purge(
    config: Config = DEFAULT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the rows.")] = False,
    json: Json = False,
) -> None:
    """Purge rows whose retention is over, for 20 seconds at most."""
    result = post(config, "/purge", dry_run=dry_run)
    if json:
        print_json(result)
        return
    rows = [{"what": what, "rows": rows} for what, rows in result["rows"].items()]
    print_rows(
        "chores: [retention] keeps everything for ever", rows, ("what", "rows"), as_json=False
    )
    if dry_run:
        print_line("nothing was purged: --dry-run")
    elif not result["complete"]:
        print_line("more rows remain: run it again, or leave them to the nightly purge")
