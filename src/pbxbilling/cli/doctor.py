"""`pbxbilling doctor`: prints each problem with its fix."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.printing.output import print_line, print_rows

if TYPE_CHECKING:
    from pbxbilling.doctor.check import Check

app = typer.Typer()


@app.command()
def doctor(config: Config = DEFAULT, json: Json = False) -> None:
    """Check everything that the daemon depends on; exit status 1 if a check fails."""
    from pbxbilling.doctor.examine import examine
    from pbxbilling.runtime.clock import SystemClock

    print_checks(asyncio.run(examine(config, os.environ, SystemClock())), as_json=json)


def print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print a table of checks, then the fixes; or JSON. Exits with status 1 if one fails."""
    from pbxbilling.doctor.check import Result

    columns = ("result", "subject", "name", "found")
    print_rows("checks", [asdict(check) for check in checks], columns, as_json=as_json)
    for check in checks:
        if check.mend and not as_json:
            print_line(f"{check.result}: {check.subject}: {check.name}: {check.mend}")
    if any(check.result is Result.FAIL for check in checks):
        raise typer.Exit(1)
