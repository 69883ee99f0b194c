"""Commands about live calls and admission decisions."""

from __future__ import annotations

from typing import Annotated

import typer

from pbxbilling.cli.connection import delete, every, get, quoted
from pbxbilling.cli.options import (
    DEFAULT,
    Config,
    ForTenant,
    Json,
    Reason,
    parsed_moment,
)
from pbxbilling.cli.printing.output import print_done, print_page, print_rows

app = typer.Typer()

_CALLS = ("call", "tenant", "pbx", "direction", "state", "started_at", "from", "to", "over_limit")
_DECISIONS = (
    "at", "tenant", "direction", "caller", "number", "outcome", "reason", "used", "limit", "mode",
)  # fmt: skip


@app.command()
def status(config: Config = DEFAULT, json: Json = False) -> None:
    """Show the daemon at a glance."""
    from pbxbilling.cli.printing.pages import show_status

    print_page(get(config, "/status"), show_status, as_json=json)


@app.command()
def calls(config: Config = DEFAULT, tenant: ForTenant = None, json: Json = False) -> None:
    """List live calls: which tenant holds which slot, since when."""
    print_rows("calls", every(config, "/calls", tenant=tenant), _CALLS, as_json=json)


@app.command()
def release(call: str, config: Config = DEFAULT, reason: Reason = "", json: Json = False) -> None:
    """Free the slot of a live call, and print what it was."""
    was = delete(config, f"/calls/{quoted(call)}/slot", why=reason)
    held = (
        f"released the slot of call {was['call']} of tenant {was['tenant'] or '-'}:"
        f" {was['direction']}, {was['state']}, from {was['from']} to {was['to']}; its channels stay"
        " up"
    )
    print_done(was, held, as_json=json)


@app.command()
def decisions(
    config: Config = DEFAULT,
    tenant: ForTenant = None,
    since: Annotated[
        str, typer.Option(help="From when: 10m or 2h (ago), 10:42, 2026-11-21, or an ISO instant.")
    ] = "",
    refused: Annotated[bool, typer.Option("--refused", help="Only refusals.")] = False,
    json: Json = False,
) -> None:
    """List admission decisions with their reasons: why was the call at 10:42 refused?"""
    at = parsed_moment("--since", since)
    rows = every(config, "/decisions", tenant=tenant, since=at, refused=refused)
    print_rows("decisions", rows, _DECISIONS, as_json=json)
