"""Commands about who may use the API: tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from pbxbilling.cli.connection import delete, get, post, quoted
from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.printing.output import print_done, print_rows

app = typer.Typer()
token_app = typer.Typer(help="Tokens of programs.", no_args_is_help=True)

_COLUMNS = ("id", "name", "tenant", "scopes", "expires_at", "revoked_at")


@app.command()
def tokens(config: Config = DEFAULT, json: Json = False) -> None:
    """List tokens, without their secrets."""
    print_rows("tokens", get(config, "/tokens"), _COLUMNS, as_json=json)


@token_app.command("add")
def add(
    name: str,
    scope: Annotated[
        list[str], typer.Option("--scope", help='A permission, such as tenants.read, or "admin".')
    ],
    config: Config = DEFAULT,
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="The tenant whose objects alone it reaches.")
    ] = None,
    networks: Annotated[
        list[str] | None,
        typer.Option("--from", help="A network from which alone it is good, as 192.0.2.0/24."),
    ] = None,
    days: Annotated[int, typer.Option("--days", help="For how long it is valid.")] = 90,
    json: Json = False,
) -> None:
    """Make a token, and print it: nobody can ask for it again."""
    given = {"scopes": scope, "tenant": tenant, "networks": networks or [], "days": days}
    made = post(config, "/tokens", name=name, **given)
    note = f"valid until {made['expires_at']}; `pbxbilling token revoke {made['id']}` ends it"
    print_done(made, made["token"], [note], as_json=json)


@token_app.command("revoke")
def revoke(
    ident: Annotated[str, typer.Argument(metavar="ID")],
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Revoke a token, at once."""
    token = delete(config, f"/tokens/{quoted(ident)}")
    print_done(token, f"token {ident} ({token['name']}) is revoked", as_json=json)
