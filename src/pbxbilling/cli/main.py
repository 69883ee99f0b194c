"""`pbxbilling`: tables for people, `--json` for programs. Exit status 0 done, 1 failed, 2 usage."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from pbxbilling import __version__

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)
tenant_app = typer.Typer(help="One tenant.", no_args_is_help=True)
usage_app = typer.Typer(help="Usage of a month.", invoke_without_command=True)
app.add_typer(config_app, name="config")
app.add_typer(tenant_app, name="tenant")
app.add_typer(usage_app, name="usage")

Config = Annotated[
    Path, typer.Option("-c", "--config", envvar="PBXBILLING_CONFIG", help="The configuration.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
ForTenant = Annotated[Optional[str], typer.Option("--tenant", help="Only this tenant.")]  # noqa: UP045
DEFAULT = Path("/etc/pbxbilling/pbxbilling.toml")

_CALLS = ("call", "tenant", "pbx", "direction", "state", "started_at", "from", "to", "over_limit")
_USAGE = (
    "tenant", "month", "plan", "outbound_calls", "outbound_seconds", "outbound_minutes",
    "inbound_calls", "inbound_seconds", "inbound_minutes", "included_minutes", "overage_minutes",
)  # fmt: skip
_TENANTS = ("tenant", "plan", "status", "mode", "calls", "max_calls", "trunk_legs", "blocks")
_DECISIONS = (
    "at", "tenant", "direction", "caller", "number", "outcome", "reason", "used", "limit", "mode",
)  # fmt: skip


def main() -> None:
    """Run a command; a fault is one message on stderr and exit status 1."""
    from pbxbilling.agi.server import ListenError
    from pbxbilling.cli.reach import CommandFailed
    from pbxbilling.config.faults import ConfigError
    from pbxbilling.ports import StoreError
    from pbxbilling.services.accounts import AccountsError
    from pbxbilling.services.administer import AdministrationError

    faults = (
        CommandFailed, ConfigError, StoreError, AccountsError, AdministrationError, ListenError,
        ValueError,
    )  # fmt: skip
    try:
        app()
    except faults as fault:
        sys.stderr.write(f"pbxbilling: {fault}\n")
        sys.exit(1)


def _ask(config: Path, command: str, **given: Any) -> Any:
    from pbxbilling.cli.reach import ask

    return ask(config, command, given)


def _print(result: Any, title: str, columns: tuple[str, ...] | None, *, as_json: bool) -> None:
    from pbxbilling.cli.tables import show, show_one

    if as_json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    elif columns is not None:
        show(title, result, columns)
    else:
        show_one(title, result)


@app.command()
def version() -> None:
    """The program's version."""
    typer.echo(__version__)


@app.command()
def serve(config: Config = DEFAULT) -> None:
    """Run the daemon."""
    from pbxbilling.app import serve as run

    run(config)


@config_app.command("check")
def config_check(config: Config = DEFAULT) -> None:
    """Read the configuration and say what is wrong with it."""
    from pbxbilling.config.load import load

    settings = load(config, os.environ)
    for warning in settings.warnings():
        typer.echo(f"warning: {warning}")
    typer.echo(f"{config}: good, mode {settings.mode}")


@app.command()
def apply(
    file: Path,
    config: Config = DEFAULT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print.")] = False,
    json: Json = False,
) -> None:
    """Make plans and tenants match a file, and print what changed."""
    from pbxbilling.config.document import read_text

    changes = _ask(config, "apply", text=read_text(file), source=str(file), dry_run=dry_run)
    if json:
        _print(changes, "changes", None, as_json=True)
        return
    for change in changes:
        typer.echo(f"{change['kind']:9} {change['subject']}")
        for field in change["fields"] if change["kind"] == "changed" else ():
            typer.echo(f"            {field['key']}: {field['before']} → {field['after']}")
    if dry_run:
        typer.echo("nothing was written: --dry-run")


@app.command()
def status(config: Config = DEFAULT, json: Json = False) -> None:
    """The daemon at a glance."""
    _print(_ask(config, "status"), "status", None, as_json=json)


@app.command()
def calls(config: Config = DEFAULT, tenant: ForTenant = None, json: Json = False) -> None:
    """Live calls: who holds which slot, since when."""
    _print(_ask(config, "calls", tenant=tenant), "calls", _CALLS, as_json=json)


@app.command()
def decisions(
    config: Config = DEFAULT,
    tenant: ForTenant = None,
    since: Annotated[str, typer.Option(help="10m, 2h, 10:42, 2026-11-21 or ISO.")] = "",
    refused: Annotated[bool, typer.Option("--refused", help="Only refusals.")] = False,
    json: Json = False,
) -> None:
    """Why was the call at 10:42 refused?"""
    from pbxbilling.clock import SystemClock

    at = since_when(since, SystemClock().now()).isoformat() if since else None
    rows = _ask(config, "decisions", tenant=tenant, since=at, refused=refused)
    _print(rows, "decisions", _DECISIONS, as_json=json)


@app.command()
def tenants(config: Config = DEFAULT, json: Json = False) -> None:
    """All tenants, with what they hold."""
    _print(_ask(config, "tenants"), "tenants", _TENANTS, as_json=json)


@tenant_app.command("show")
def tenant_show(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """All about one tenant."""
    _print(_ask(config, "tenant", tenant=tenant), tenant, None, as_json=json)


@tenant_app.command("suspend")
def tenant_suspend(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Block a tenant's calls to and from outside."""
    _changed(_ask(config, "suspend", tenant=tenant), as_json=json)


@tenant_app.command("activate")
def tenant_activate(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Lift the operator's block."""
    _changed(_ask(config, "activate", tenant=tenant), as_json=json)


@tenant_app.command("trial")
def tenant_trial(
    tenant: str,
    until: Annotated[str, typer.Option(help="The last day, as 2026-12-31.")],
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Set when a tenant's trial ends."""
    _changed(_ask(config, "trial", tenant=tenant, until=until), as_json=json)


def _changed(result: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print(result, "tenant", None, as_json=True)
        return
    report = result["tenant"]
    typer.echo(f"tenant {report['tenant']}: {report['status']}")
    for note in result["notes"]:
        typer.echo(f"note: {note}")


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
        rows = _ask(config, "usage", tenant=tenant, month=month)
        _print(rows, "usage", _USAGE, as_json=json)


@usage_app.command("assign")
def usage_assign(leg: str, tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Give an answered leg that belongs to nobody to a tenant."""
    _print(_ask(config, "assign", leg=leg, tenant=tenant), "assigned", None, as_json=json)


@app.command()
def release(call: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Free one slot, and say what it was."""
    _print(_ask(config, "release", call=call), "released", None, as_json=json)


def since_when(text: str, now: datetime) -> datetime:
    """`10m` and `2h` ago, `10:42` of today, a date or an instant; raises ValueError."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if text[:-1].isdecimal() and text[-1:] in units:
        return now - timedelta(**{units[text[-1]]: int(text[:-1])})
    try:
        if len(text) == 5 and text[2] == ":":
            local = now.astimezone()
            clock = datetime.strptime(text, "%H:%M").replace(tzinfo=local.tzinfo)
            return local.replace(
                hour=clock.hour, minute=clock.minute, second=0, microsecond=0
            ).astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        msg = f"--since {text!r}: expected 10m, 2h, 10:42, 2026-11-21 or an ISO instant"
        raise ValueError(msg) from error


if __name__ == "__main__":
    main()
