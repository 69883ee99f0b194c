"""Commands about who may use the API: users and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pbxbilling.cli.connection import delete, every, post, put, quoted
from pbxbilling.cli.options import DEFAULT, Config, ForTenant, Json, Reason, parsed_moment
from pbxbilling.cli.printing.output import STANDARD, print_done, print_rows

app = typer.Typer()
user_app = typer.Typer(help="People who may log in.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens of programs.", no_args_is_help=True)

PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="A file with only the password; - is standard input."),
]

_AUDIT = ("at", "event", "actor", "subject", "changed", "reason", "address")
_PEOPLE = ("email", "role", "tenant", "second_factor", "created_at", "disabled_at")
_COLUMNS = ("id", "name", "tenant", "scopes", "expires_at", "revoked_at")


@app.command()
def audit(
    config: Config = DEFAULT,
    tenant: ForTenant = None,
    event: Annotated[
        str | None, typer.Option("--event", help="Only these, as tenant.suspended.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only theirs.")] = None,
    since: Annotated[str, typer.Option("--since", help="10m, 2h, 10:42, a date.")] = "",
    json: Json = False,
) -> None:
    """List changes, the newest first: who made them, from where, and why."""
    at = parsed_moment("--since", since)
    rows = every(config, "/audit", tenant=tenant, event=event, actor=actor, since=at)
    from pbxbilling.cli.printing.pages import audit_row

    shown = rows if json else list(map(audit_row, rows))
    print_rows("changes", shown, _AUDIT, as_json=json)


@app.command()
def users(config: Config = DEFAULT, json: Json = False) -> None:
    """List the people who may log in."""
    print_rows("users", every(config, "/users"), _PEOPLE, as_json=json)


@user_app.command("add")
def add_user(
    email: str,
    role: Annotated[str, typer.Option("--role", help="super_admin, admin, … tenant_user.")],
    config: Config = DEFAULT,
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="The tenant of a tenant_admin or tenant_user.")
    ] = None,
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Add a user; the password is asked for, unless it is in a file."""
    password = _password(password_file)
    user = post(config, "/users", email=email, role=role, tenant=tenant, password=password)
    print_done(user, f"{user['email']} may log in as {user['role']}", as_json=json)


@user_app.command("password")
def set_password(
    email: str, config: Config = DEFAULT, password_file: PasswordFile = None, json: Json = False
) -> None:
    """Set a user's password; it is asked for, unless it is in a file."""
    user = put(config, f"/users/{quoted(email)}/password", password=_password(password_file))
    print_done(user, f"{user['email']} has a new password", as_json=json)


@user_app.command("disable")
def disable(email: str, config: Config = DEFAULT, reason: Reason = "", json: Json = False) -> None:
    """Keep a user out, at once."""
    user = put(config, f"/users/{quoted(email)}/exclusion", why=reason)
    print_done(user, f"{user['email']} is kept out", as_json=json)


@user_app.command("enable")
def enable(email: str, config: Config = DEFAULT, reason: Reason = "", json: Json = False) -> None:
    """Let a user in again."""
    user = delete(config, f"/users/{quoted(email)}/exclusion", why=reason)
    print_done(user, f"{user['email']} may log in", as_json=json)


def _password(file: Path | None) -> str:
    """Return the password from a file, from standard input, or as it is typed twice."""
    if file is None:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    from pbxbilling.config.document import read_text

    return read_text(Path("/dev/stdin") if file == STANDARD else file).rstrip("\r\n")


@app.command()
def tokens(config: Config = DEFAULT, json: Json = False) -> None:
    """List tokens, without their secrets."""
    print_rows("tokens", every(config, "/tokens"), _COLUMNS, as_json=json)


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
    made = post(
        config,
        "/tokens",
        name=name,
        scopes=scope,
        tenant=tenant,
        networks=networks or [],
        days=days,
    )
    note = f"valid until {made['expires_at']}; `pbxbilling token revoke {made['id']}` ends it"
    print_done(made, made["token"], [note], as_json=json)


@token_app.command("revoke")
def revoke(
    ident: Annotated[str, typer.Argument(metavar="ID")],
    config: Config = DEFAULT,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Revoke a token, at once."""
    token = delete(config, f"/tokens/{quoted(ident)}", why=reason)
    print_done(token, f"token {ident} ({token['name']}) is revoked", as_json=json)
