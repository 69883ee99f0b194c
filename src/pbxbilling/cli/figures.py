"""Commands about the figures of the business."""

from __future__ import annotations

import typer

from pbxbilling.cli.connection import every, get
from pbxbilling.cli.options import DEFAULT, AnyMonth, Config, Json, OneMonth, parsed_month
from pbxbilling.cli.printing.output import print_json, print_line, print_rows

app = typer.Typer(help="Figures of the business.", invoke_without_command=True)

_PERIODS = ("tenant", "month", "metered", "statement", "sent", "unsent", "difference")
_NOW = ("currency", "mrr", "paying", "trials", "trial_mrr", "past_due", "unpaid_invoices", "unpaid")
_TENANTS = (
    "tenant", "status", "currency", "mrr", "trial_mrr", "unpaid", "usage", "overage", "churned_mrr",
)  # fmt: skip
_MONTH = ("currency", "usage", "overage", "churned", "churned_mrr")


@app.callback()
def figures(
    context: typer.Context,
    config: Config = DEFAULT,
    month: AnyMonth = "",
    json: Json = False,
) -> None:
    """Show recurring revenue, trials and missed payments; usage revenue and churn of a month."""
    if context.invoked_subcommand is not None:
        return
    taken = get(config, "/figures", month=parsed_month(month) if month else None)
    if json:
        print_json(taken)
        return
    print_rows("plans with a price", taken["currencies"], _NOW, as_json=False)
    if taken["currencies"]:
        print_line("")
        print_line(f"in {taken['month']}")
        print_rows("figures", taken["currencies"], _MONTH, as_json=False)


@app.command("tenants")
def by_tenant(config: Config = DEFAULT, month: AnyMonth = "", json: Json = False) -> None:
    """Show what each tenant adds to the figures."""
    rows = every(config, "/figures/tenants", month=parsed_month(month) if month else None)
    print_rows("tenants with a plan", rows, _TENANTS, as_json=json)


@app.command()
def reconcile(
    month: OneMonth,
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """List closed periods whose statement and meter events differ in minutes."""
    rows = get(config, "/figures/differences", month=parsed_month(month))
    print_rows("differences", rows, _PERIODS, as_json=json)
