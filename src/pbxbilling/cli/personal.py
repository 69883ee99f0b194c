"""What is held on a tenant: handed out, and forgotten."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from pbxbilling.cli.connection import ask
from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.output import print_done

app = typer.Typer()


@app.command("export-data")
def export_data(tenant: str, file: Path, config: Config = DEFAULT, json: Json = False) -> None:
    """Write all that is held on a tenant into a new zip of JSON lines."""
    from pbxbilling.config.load import load
    from pbxbilling.runtime.clock import SystemClock
    from pbxbilling.store.export import export_tenant

    source = load(config, os.environ).database.path
    rows = export_tenant(source, tenant, file, SystemClock().now())
    done = {"tenant": tenant, "file": str(file.absolute()), "rows": rows}
    print_done(done, f"{file}: all on tenant {tenant}, {sum(rows.values())} rows", as_json=json)


@app.command()
def forget(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Forget a tenant that is gone: contacts and numbers. What it was billed stays."""
    done = ask(config, "forget", {"tenant": tenant})
    told = f"tenant {tenant} is forgotten: numbers cut in {done['rows']} rows"
    print_done(done, told, done["notes"], as_json=json)
