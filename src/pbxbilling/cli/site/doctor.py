"""`pbxbilling doctor`: prints each problem with its fix."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
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

    checks = asyncio.run(examine(config, os.environ, SystemClock()))
    print_checks([*checks, *_of_daemon(config), *_of_pbxes(config)], as_json=json)


def _of_daemon(config: Path) -> Iterator[Check]:
    """Yield the check of what the daemon heard; nothing where none runs, which another says."""
    from pbxbilling.cli.connection import get
    from pbxbilling.doctor.unowned import unowned
    from pbxbilling.kernel.errors import ServiceError

    try:
        status = get(config, "/status")
    except ServiceError:
        return
    if "unowned" in status:  # a daemon of an older version has none
        yield unowned(status)


def _of_pbxes(config: Path) -> Iterator[Check]:
    from pbxbilling.doctor.check import warn

    for pbx, sentence in unknown_tenants_of(config):
        yield warn(pbx, "tenant", sentence, "correct it, or add the tenant to the accounts file")


def unknown_tenants_of(config: Path) -> list[tuple[str, str]]:
    """Return each PBX with a `tenant` that does not exist; none where the accounts are unknown."""
    from pbxbilling.cli.connection import every
    from pbxbilling.config.load import load
    from pbxbilling.doctor.unowned import unknown_tenants
    from pbxbilling.kernel.errors import ServiceError

    try:
        pbxes = load(config, os.environ).pbx
        if not any(pbx.tenant for pbx in pbxes):
            return []
        slugs = {row["tenant"] for row in every(config, "/tenants")}
    except ServiceError:
        return []
    return list(unknown_tenants(pbxes, slugs))


def print_checks(checks: Sequence[Check], *, as_json: bool, fails: bool = True) -> None:
    """Print a table of checks, then the fixes; or JSON.

    Exits with status 1 if one fails, unless `fails` is false.
    """
    from pbxbilling.doctor.check import Result

    columns = ("result", "subject", "name", "found")
    print_rows("checks", [asdict(check) for check in checks], columns, as_json=as_json)
    for check in checks:
        if check.mend and not as_json:
            sentence, *to_paste = check.mend.split("\n")
            print_line(f"{check.result}: {check.subject}: {check.name}: {sentence}")
            for line in to_paste:
                print_line(line)
    if fails and any(check.result is Result.FAIL for check in checks):
        raise typer.Exit(1)
