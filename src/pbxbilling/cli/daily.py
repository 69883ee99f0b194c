"""Runs the daily check by hand."""

from __future__ import annotations

import typer

from pbxbilling.cli.connection import post
from pbxbilling.cli.options import DEFAULT, Config, DryRun, Json
from pbxbilling.cli.printing.output import (
    NOTHING_WRITTEN,
    print_json,
    print_line,
    print_notes,
    print_rows,
)

app = typer.Typer()

_TURNS = ("tenant", "turn", "before", "after", "since")


@app.command("daily-check")
def daily_check(
    config: Config = DEFAULT,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """End the trials and grace windows whose time is over."""
    report = post(config, "/daily-check", dry_run=dry_run)
    if json:
        print_json(report)
        return
    print_rows("turns due", report["turns"], _TURNS, as_json=False)
    print_notes(report["notices"])
    if dry_run:
        print_line(NOTHING_WRITTEN)
