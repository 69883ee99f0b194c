"""Commands about usage, and the tenants it belongs to."""

from __future__ import annotations

import typer

from pbxbilling.cli.connection import every, get, put, quoted
from pbxbilling.cli.options import DEFAULT, AnyMonth, Config, ForTenant, Json, parsed_month
from pbxbilling.cli.printing.output import print_done, print_json, print_line, print_rows

usage_app = typer.Typer(help="Usage of a month.", invoke_without_command=True)

_USAGE = (
    "tenant", "month", "plan", "outbound_calls", "outbound_seconds", "outbound_minutes",
    "inbound_calls", "inbound_seconds", "inbound_minutes", "included_minutes", "overage_minutes",
)  # fmt: skip
_ESTIMATED = (
    "leg", "tenant", "direction", "number", "answered_at", "ended_at", "gone_by", "seconds",
    "unproven_seconds",
)  # fmt: skip
_LEGS = ("leg", "direction", "channel", "caller", "number", "ended_at", "seconds")


@usage_app.callback()
def usage(
    context: typer.Context,
    config: Config = DEFAULT,
    tenant: ForTenant = None,
    month: AnyMonth = "",
    json: Json = False,
) -> None:
    """Show answered trunk legs of a month, by tenant."""
    if context.invoked_subcommand is not None:
        return
    rows = every(config, "/usage", tenant=tenant, month=parsed_month(month) if month else None)
    print_rows("usage", rows, _USAGE, as_json=json)


@usage_app.command("units")
def usage_units(
    tenant: str, config: Config = DEFAULT, month: AnyMonth = "", json: Json = False
) -> None:
    """Show the units that other programs have sent for a tenant, by meter."""
    path = f"/tenants/{quoted(tenant)}/units"
    found = get(config, path, month=parsed_month(month) if month else None)
    if json:
        print_json(found)
        return
    print_line(f"{tenant} in {found['month']}")
    print_rows("meters", found["meters"], ("meter", "name", "units"), as_json=False)


@usage_app.command("unowned")
def usage_unowned(config: Config = DEFAULT, json: Json = False) -> None:
    """List answered legs that belong to no tenant, newest first."""
    legs = every(config, "/usage/unowned")
    if not json:
        legs = [{**leg, "seconds": round(leg["talk_us"] / 1_000_000, 1)} for leg in legs]
    print_rows("unowned legs", legs, _LEGS, as_json=json)


@usage_app.command("estimated")
def usage_estimated(
    config: Config = DEFAULT,
    tenant: ForTenant = None,
    month: AnyMonth = "",
    json: Json = False,
) -> None:
    """List legs with an estimated answer or end: what of them is charged, and what is not."""
    of_month = parsed_month(month) if month else None
    rows = every(config, "/usage/estimated", tenant=tenant, month=of_month)
    print_rows("legs with an estimated answer or end", rows, _ESTIMATED, as_json=json)


@usage_app.command("assign")
def usage_assign(leg: str, tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Assign an answered leg without a tenant to a tenant."""
    given = put(config, f"/usage/legs/{quoted(leg)}/tenant", tenant=tenant)
    billed = f"{given['billed_s']} s billed in {given['month']}"
    print_done(given, f"leg {leg} belongs to tenant {tenant} now: {billed}", as_json=json)
