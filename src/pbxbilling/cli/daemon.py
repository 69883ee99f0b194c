"""Commands about the daemon as a program: run it, check what it reads."""

from __future__ import annotations

import os

import typer

from pbxbilling import __version__
from pbxbilling.cli.options import DEFAULT, Config
from pbxbilling.runtime import gc_tuning as garbage

app = typer.Typer()
config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@app.command()
def serve(config: Config = DEFAULT) -> None:
    """Run the daemon."""
    garbage.put_off()
    from pbxbilling.daemon import serve as run

    run(config)


@app.command()
def version() -> None:
    """The program's version."""
    typer.echo(__version__)


@config_app.command("check")
def config_check(config: Config = DEFAULT) -> None:
    """Read the configuration and say what is wrong with it."""
    from pbxbilling.config.load import load

    settings = load(config, os.environ)
    for warning in settings.warnings():
        typer.echo(f"warning: {warning}")
    typer.echo(f"{config}: good, mode {settings.mode}")
