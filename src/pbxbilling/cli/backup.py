"""A copy of the database, taken beside whoever works on it: a running daemon notices nothing."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.output import print_done

app = typer.Typer()


@app.command()
def backup(file: Path, config: Config = DEFAULT, json: Json = False) -> None:
    """Copy the database, running or not, into a new file."""
    from pbxbilling.config.load import load
    from pbxbilling.store.database.backup import copy_database

    source = load(config, os.environ).database.path
    copy_database(source, file)
    size = file.stat().st_size
    done = {"database": str(source), "file": str(file.absolute()), "bytes": size}
    print_done(done, f"{file}: a copy of {source}, {size} bytes", as_json=json)
