"""The figures of the business."""

from __future__ import annotations

from typing import Annotated

import typer

from pbxbilling.cli.moments import month as a_month
from pbxbilling.cli.moments import wrong_usage
from pbxbilling.cli.options import DEFAULT, Config, Json
from pbxbilling.cli.output import print_json, print_rows
from pbxbilling.cli.reach import ask

app = typer.Typer()

_NOW = ("currency", "mrr", "paying", "trials", "trial_mrr", "past_due", "unpaid_invoices", "unpaid")
_MONTH = ("currency", "usage", "overage", "churned", "churned_mrr")


@app.command()
def figures(
    config: Config = DEFAULT,
    month: Annotated[str, typer.Option(help="As 2026-11; the current one if not given.")] = "",
    json: Json = False,
) -> None:
    """Recurring revenue, trials, missed payments; usage revenue and churn of a month."""
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
