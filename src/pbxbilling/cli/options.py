"""The options that commands share, so that each means the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

DEFAULT = Path("/etc/pbxbilling/pbxbilling.toml")

Config = Annotated[
    Path, typer.Option("-c", "--config", envvar="PBXBILLING_CONFIG", help="The configuration.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print.")]
Reset = Annotated[
    bool, typer.Option("--reset", help="Let what the file leaves out go to its defaults.")
]
OneMonth = Annotated[str, typer.Option("--month", help="As 2026-11.")]
AnyMonth = Annotated[str, typer.Option("--month", help="As 2026-11; the current one if not given.")]
ForTenant = Annotated[Optional[str], typer.Option("--tenant", help="Only this tenant.")]  # noqa: UP045
