"""`pbxbilling doctor`: what is not well, and what to do about it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.output import print_json, print_rows

if TYPE_CHECKING:
    from pbxbilling.doctor.check import Check

app = typer.Typer()


@app.command()
def doctor(config: Config = DEFAULT, json: Json = False) -> None:
    """Look at everything that the daemon stands on; status 1 where a check fails."""
    from pbxbilling.clock import SystemClock
    from pbxbilling.doctor.check import Result
    from pbxbilling.doctor.examine import examine

    checks = asyncio.run(examine(config, os.environ, SystemClock()))
    if json:
        print_json([asdict(check) for check in checks])
    else:
        print_checks(checks)
    if any(check.result is Result.FAIL for check in checks):
        raise typer.Exit(1)


def print_checks(checks: Sequence[Check]) -> None:
    """A table of what was found, then what to do about it."""
    columns = ("result", "subject", "name", "found")
    print_rows("checks", [asdict(check) for check in checks], columns, as_json=False)
    for check in checks:
        if check.mend:
            typer.echo(f"{check.result}: {check.subject}: {check.name}: {check.mend}")
