"""Commands about what was used, and whose it is."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from pbxbilling.cli.options import DEFAULT, Config, ForTenant, Json
from pbxbilling.cli.output import print_one, print_rows
from pbxbilling.cli.reach import ask

usage_app = typer.Typer(help="Usage of a month.", invoke_without_command=True)

_USAGE = (
    "tenant", "month", "plan", "outbound_calls", "outbound_seconds", "outbound_minutes",
    "inbound_calls", "inbound_seconds", "inbound_minutes", "included_minutes", "overage_minutes",
)  # fmt: skip


@usage_app.callback()
def usage(
    context: typer.Context,
    config: Config = DEFAULT,
    tenant: ForTenant = None,
    month: Annotated[Optional[str], typer.Option(help="As 2026-11.")] = None,  # noqa: UP045
    json: Json = False,
) -> None:
    """Answered trunk legs of a month, by tenant."""
    if context.invoked_subcommand is None:
        rows = ask(config, "usage", {"tenant": tenant, "month": month})
        print_rows("usage", rows, _USAGE, as_json=json)


@usage_app.command("assign")
def usage_assign(leg: str, tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Give an answered leg that belongs to nobody to a tenant."""
    print_one("assigned", ask(config, "assign", {"leg": leg, "tenant": tenant}), as_json=json)
