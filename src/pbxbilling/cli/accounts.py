"""Commands about accounts: apply a file, show and change plans and tenants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pbxbilling.cli.changes import print_changes
from pbxbilling.cli.connection import delete, get, post, put, put_file, quoted
from pbxbilling.cli.options import (
    DEFAULT,
    Config,
    DryRun,
    Json,
    Reason,
    Reset,
    parsed_moment,
    wrong_usage,
)
from pbxbilling.cli.printing.output import (
    NOTHING_WRITTEN,
    print_done,
    print_json,
    print_line,
    print_page,
    print_rows,
)
from pbxbilling.cli.printing.pages import minutes_in_words
from pbxbilling.kernel.bounds import read_day

app = typer.Typer()
plan_app = typer.Typer(help="One plan.", no_args_is_help=True)
tenant_app = typer.Typer(help="One tenant.", no_args_is_help=True)

_PLANS = (
    "plan", "name", "price", "price_year", "currency", "minutes", "overage_per_minute",
    "max_calls", "tenants", "active",
)  # fmt: skip


@app.command()
def apply(
    file: Path,
    config: Config = DEFAULT,
    dry_run: DryRun = False,
    reset: Reset = False,
    json: Json = False,
) -> None:
    """Make plans and tenants match a file, and print what changed."""
    from pbxbilling.config.document import read_text

    given = {"text": read_text(file), "source": str(file), "dry_run": dry_run, "reset": reset}
    changes = put_file(config, "/accounts", **given)
    print_changes(changes, "plans and tenants", dry_run=dry_run, reset=reset, as_json=json)


@app.command()
def plans(config: Config = DEFAULT, json: Json = False) -> None:
    """List all plans with their prices."""
    found = get(config, "/plans")
    if json:
        print_json(found)
    else:
        rows = [{**plan, "minutes": minutes_in_words(plan)} for plan in found]
        print_rows("plans", rows, _PLANS, as_json=False)


@plan_app.command("show")
def plan_show(plan: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Show everything about one plan."""
    from pbxbilling.cli.printing.pages import show_plan

    print_page(get(config, f"/plans/{quoted(plan)}"), show_plan, as_json=json)


@plan_app.command("change")
def plan_change(
    tenant: str,
    plan: str,
    config: Config = DEFAULT,
    at: Annotated[str, typer.Option(help="When: 2h (ago), 10:42, a day, or an ISO instant.")] = "",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Change a tenant's plan from a moment of its open period on; now by default."""
    when = parsed_moment("--at", at)
    path = f"/tenants/{quoted(tenant)}/plan-changes"
    change = post(config, path, plan=plan, at=when, dry_run=dry_run)
    print_page(change, _show_plan_change, as_json=json)


def _show_plan_change(change: Mapping[str, Any]) -> None:
    from pbxbilling.cli.printing.tables import local_time

    currency = change["currency"]
    print_line(
        f"{change['tenant']}: {change['before']} → {change['after']} from"
        f" {local_time(change['at'])} on, in {change['month']}"
    )
    print_line(
        f"  rest of the period: {change['credit']} {currency} before, {change['charge']} {currency}"
        f" now, difference {change['difference']} {currency}"
    )
    minutes = [change[f"included_minutes_{when}"] for when in ("before", "after")]
    before, after = ("unlimited" if each is None else each for each in minutes)
    print_line(f"  included minutes of the period: {before} → {after}")
    if not change["committed"]:
        print_line(NOTHING_WRITTEN)


@tenant_app.command("show")
def tenant_show(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Show everything about one tenant."""
    from pbxbilling.cli.printing.pages import show_tenant

    print_page(get(config, f"/tenants/{quoted(tenant)}"), show_tenant, as_json=json)


@tenant_app.command("suspend")
def tenant_suspend(
    tenant: str, config: Config = DEFAULT, reason: Reason = "", json: Json = False
) -> None:
    """Block a tenant's calls to and from outside."""
    path = f"/tenants/{quoted(tenant)}/suspension"
    _print_status(put(config, path, why=reason), as_json=json)


@tenant_app.command("activate")
def tenant_activate(
    tenant: str, config: Config = DEFAULT, reason: Reason = "", json: Json = False
) -> None:
    """Lift the operator's block."""
    path = f"/tenants/{quoted(tenant)}/suspension"
    _print_status(delete(config, path, why=reason), as_json=json)


@tenant_app.command("trial")
def tenant_trial(
    tenant: str,
    until: Annotated[str, typer.Option(help="Last day of the trial, as 2026-12-31.")],
    config: Config = DEFAULT,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Set the last day of a tenant's trial."""
    with wrong_usage("--until"):
        last = read_day(until).isoformat()
    path = f"/tenants/{quoted(tenant)}/trial"
    _print_status(put(config, path, why=reason, until=last), as_json=json)


def _print_status(result: Mapping[str, Any], *, as_json: bool) -> None:
    report = result["tenant"]
    sentence = f"tenant {report['tenant']}: {report['status']}"
    print_done(result, sentence, result["notes"], as_json=as_json)
