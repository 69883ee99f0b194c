"""Commands about the daemon itself: run it, check its configuration, copy its database."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import typer

from pbxbilling import __version__
from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.printing.output import print_done, print_line
from pbxbilling.cli.site.doctor import unknown_tenants_of
from pbxbilling.runtime import gc_tuning as garbage

app = typer.Typer()
backup_app = typer.Typer()
config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@app.command()
def serve(config: Config = DEFAULT) -> None:
    """Run the daemon."""
    garbage.put_off()
    from pbxbilling.daemon import serve as run

    run(config)


@app.command()
def web(config: Config = DEFAULT) -> None:
    """Run the process that serves the API to programs and people."""
    from pbxbilling.web_process import serve as run

    run(config)


@app.command()
def version() -> None:
    """Print the version."""
    print_line(__version__)


@backup_app.command()
def backup(file: Path, config: Config = DEFAULT, json: Json = False) -> None:
    """Copy the database into a new file, whether the daemon runs or not."""
    from pbxbilling.config.load import load
    from pbxbilling.store.database.opening import database_at

    source = database_at(load(config, os.environ).database.place)
    asyncio.run(source.backup(file))
    size = file.stat().st_size
    done = {"database": source.name, "file": str(file.absolute()), "bytes": size}
    print_done(done, f"{file}: a copy of {source.name}, {size} bytes", as_json=json)


@config_app.command("check")
def config_check(config: Config = DEFAULT) -> None:
    """Check the configuration, and print every fault with its fix."""
    from pbxbilling.config.load import load
    from pbxbilling.doctor.default_plan import check_default_plan

    settings = load(config, os.environ)
    for warning in settings.warnings():
        print_line(f"warning: {warning}")
    for pbx, sentence in unknown_tenants_of(config):
        print_line(f"warning: [[pbx]] {pbx}: {sentence}")
    planned = asyncio.run(check_default_plan(settings))
    if planned.mend:
        print_line(f"warning: {planned.name}: {planned.found}: {planned.mend}")
    print_line(f"{config}: good, mode {settings.mode}")
