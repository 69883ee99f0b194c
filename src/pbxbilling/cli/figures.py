"""The figures of the business."""

from __future__ import annotations

from typing import Annotated

import typer

from pbxbilling.cli.moments import month as a_month
from pbxbilling.cli.moments import wrong_usage
from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.output import print_json, print_rows
from pbxbilling.cli.reach import ask

app = typer.Typer(help="What the business makes.", invoke_without_command=True)

_PERIODS = ("tenant", "month", "metered", "statement", "sent", "unsent", "difference")
_NOW = ("currency", "mrr", "paying", "trials", "trial_mrr", "past_due", "unpaid_invoices", "unpaid")
_MONTH = ("currency", "usage", "overage", "churned", "churned_mrr")


@app.callback()
def figures(
    context: typer.Context,
    config: Config = DEFAULT,
    month: Annotated[str, typer.Option(help="As 2026-11; the current one if not given.")] = "",
    json: Json = False,
) -> None:
    """Recurring revenue, trials, missed payments; usage revenue and churn of a month."""
    if context.invoked_subcommand is not None:
        return
    with wrong_usage("--month"):
        asked = a_month(month) if month else None
    taken = ask(config, "figures", {"month": asked})
    if json:
        print_json(taken)
        return
    print_rows("plans with a price", taken["currencies"], _NOW, as_json=False)
    if taken["currencies"]:
        typer.echo(f"\nin {taken['month']}")
        print_rows("figures", taken["currencies"], _MONTH, as_json=False)


@app.command()
def reconcile(
    month: Annotated[str, typer.Option(help="As 2026-11.")],
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Closed periods whose statement and meter events have other minutes."""
    with wrong_usage("--month"):
        asked = a_month(month)
    rows = ask(config, "figures-reconcile", {"month": asked})
    print_rows("differences", rows, _PERIODS, as_json=json)
