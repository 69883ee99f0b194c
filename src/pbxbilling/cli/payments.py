"""Commands about payments: checkout links, subscriptions, and the setup of Stripe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pbxbilling.cli.connection import delete, every, get, post, put, quoted
from pbxbilling.cli.options import (
    DEFAULT,
    Config,
    DryRun,
    ForTenant,
    Json,
    OneMonth,
    parsed_period,
    wrong_usage,
)
from pbxbilling.cli.printing.output import (
    NOTHING_WRITTEN,
    print_done,
    print_json,
    print_line,
    print_notes,
    print_rows,
)
from pbxbilling.kernel.text import shown

app = typer.Typer()
stripe_app = typer.Typer(help="Selling by Stripe.", no_args_is_help=True)
invoice_app = typer.Typer(help="Invoices of usage.", no_args_is_help=True)
subscription_app = typer.Typer(help="A tenant's subscription.", no_args_is_help=True)

_SUBSCRIPTIONS = (
    "subscription", "tenant", "status", "period_ends_at", "ends_at", "trial_until", "customer",
    "live",
)  # fmt: skip
_INVOICES = ("number", "status", "total", "currency", "created_at", "paid_at", "subscription")
_USAGE = ("leg", "tenant", "ended_at", "minutes", "state", "customer", "note")
_RECONCILED = ("tenant", "month", "statement_minutes", "sent_minutes", "agrees")
_RUNS = ("tenant", "month", "state", "invoice", "total", "currency", "note")
_CANDIDATES = (
    "subscription", "customer", "name", "email", "tenants", "by", "plan", "gateway_status",
    "status", "problem",
)  # fmt: skip
_ADOPTED = (
    "tenant", "subscription", "customer", "plan_before", "plan", "status_before", "status",
)  # fmt: skip
_EVENTS = ("event", "kind", "about", "state", "created_at", "waits_for")


@stripe_app.command("checkout")
def stripe_checkout(
    tenant: str,
    plan: Annotated[str, typer.Option(help="The plan to sell.")],
    config: Config = DEFAULT,
    cycle: Annotated[
        str, typer.Option(help="Billing cycle: month, quarter, half_year or year.")
    ] = "month",
    trial_days: Annotated[
        int | None, typer.Option(help="Days of trial, in place of the configured ones.")
    ] = None,
    success_url: Annotated[
        str | None, typer.Option(help="Where buyers come back to, on a known host.")
    ] = None,
    cancel_url: Annotated[
        str | None, typer.Option(help="Where they come back to without having bought.")
    ] = None,
    json: Json = False,
) -> None:
    """Create a link at which a tenant buys a plan."""
    from pbxbilling.catalog.plan import SOLD_CYCLES

    with wrong_usage("--cycle"):
        if cycle not in SOLD_CYCLES:
            msg = f"{cycle!r}: expected {' or '.join(SOLD_CYCLES)}"
            raise ValueError(msg)
    offer = post(
        config,
        f"/tenants/{quoted(tenant)}/checkout",
        plan=plan,
        cycle=cycle,
        trial_days=trial_days,
        success_url=success_url,
        cancel_url=cancel_url,
    )
    print_done(offer, "\n".join((offer["url"], _offered(offer))), as_json=json)


def _offered(offer: Mapping[str, Any]) -> str:
    from pbxbilling.cli.printing.tables import local_time

    cycle = offer["cycle"].replace("_", "-")
    parts = [f"plan {offer['plan']} by the {cycle} for tenant {offer['tenant']}"]
    if offer["trial_days"]:
        parts.append(f"{offer['trial_days']} days of trial first")
    if offer["with_setup"]:
        parts.append("with the setup fee")
    parts.append(f"until {local_time(offer['expires_at'])}")
    return f"{', '.join(parts)}{'' if offer['live'] else '; test mode: no money moves'}"


@stripe_app.command("portal")
def stripe_portal(
    tenant: str,
    config: Config = DEFAULT,
    return_url: Annotated[
        str | None, typer.Option(help="Where people come back to, on a known host.")
    ] = None,
    json: Json = False,
) -> None:
    """Create a link to the portal for subscription and invoices; it is valid for minutes."""
    link = post(config, f"/tenants/{quoted(tenant)}/portal", return_url=return_url)
    print_done(link, link["url"], as_json=json)


@stripe_app.command("check")
def stripe_check(config: Config = DEFAULT, json: Json = False) -> None:
    """Check key, prices and secrets without a charge; exit status 1 if a check fails."""
    from pbxbilling.cli.connection import CommandFailed
    from pbxbilling.cli.site.doctor import print_checks
    from pbxbilling.config.load import load
    from pbxbilling.doctor.stripe import examine_stripe
    from pbxbilling.kernel.gateway_names import HOW_TO_ENABLE

    settings = load(config, os.environ)
    if not settings.stripe.enabled:
        raise CommandFailed(HOW_TO_ENABLE)
    print_checks(asyncio.run(examine_stripe(settings)), as_json=json)


@stripe_app.command("parked")
def stripe_parked(config: Config = DEFAULT, json: Json = False) -> None:
    """List events that could not be applied yet, and what they wait for."""
    print_rows("parked events", get(config, "/events/parked"), _EVENTS, as_json=json)


@stripe_app.command("link")
def stripe_link(
    subscription: str, tenant: str, config: Config = DEFAULT, json: Json = False
) -> None:
    """Link a subscription to a tenant."""
    result = put(config, f"/subscriptions/{quoted(subscription)}/tenant", tenant=tenant)
    _print_subscription(result, as_json=json)


@stripe_app.command("adopt")
def stripe_adopt(
    config: Config = DEFAULT,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Rows of tenant,subscription[,customer] to link."),
    ] = None,
    dry_run: DryRun = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Link the rows of the CSV file without a question.")
    ] = False,
    json: Json = False,
) -> None:
    """Link subscriptions and customers that are nobody's; changes nothing at Stripe."""
    if csv is not None:
        _by_file(config, csv, dry_run=dry_run, sure=yes, as_json=json)
        return
    with wrong_usage("--yes"):
        if yes:
            msg = "only with --csv, which names the rows; else a person confirms each"
            raise ValueError(msg)
    _one_by_one(config, dry_run=dry_run, as_json=json)


def _by_file(config: Path, file: Path, *, dry_run: bool, sure: bool, as_json: bool) -> None:
    from pbxbilling.config.document import read_text

    given = {"text": read_text(file), "source": str(file)}
    planned = post(config, "/adoption/rows.csv", **given, dry_run=True)
    if dry_run or not sure:
        print_rows("rows to link", planned, _ADOPTED, as_json=as_json)
    if dry_run:
        _say_nothing_written(as_json=as_json)
        return
    if not sure:
        typer.confirm(f"Link these {len(planned)} rows?", abort=True, err=as_json)
    done = post(config, "/adoption/rows.csv", **given, dry_run=False)
    print_rows("linked", done, _ADOPTED, as_json=as_json)


def _one_by_one(config: Path, *, dry_run: bool, as_json: bool) -> None:
    """List what is nobody's, and ask about each row that one tenant fits."""
    found = get(config, "/adoption")
    if as_json:
        print_json(found)
        return
    rows: Sequence[Mapping[str, Any]] = found["candidates"]
    print_rows("nobody's at Stripe", rows, _CANDIDATES, as_json=False)
    print_notes(found["faults"])
    if dry_run:
        _say_nothing_written(as_json=False)
        return
    for row in rows:
        if len(row["tenants"]) == 1 and not row["problem"]:
            _ask(config, row)


def _ask(config: Path, row: Mapping[str, Any]) -> None:
    if not typer.confirm(shown(_question(row)), default=False):
        return
    one = {"tenant": row["tenants"][0], "subscription": row["subscription"]}
    customer = None if row["subscription"] else row["customer"]
    (done,) = post(config, "/adoption", rows=[one | {"customer": customer}], dry_run=False)
    print_line(f"{done['tenant']} is linked, plan {done['plan']}, status {done['status']}")


def _question(row: Mapping[str, Any]) -> str:
    what = row["subscription"] or f"customer {row['customer']} without a subscription"
    whose = ", ".join(filter(None, (row["name"], row["email"])))
    effects = [f"plan {row['plan']}"] if row["plan"] else []
    effects += [f"status {row['status']}"] if row["status"] else []
    then = f", {' and '.join(effects)}" if effects else ""
    return f"Link {what} ({whose or 'no name'}) to {row['tenants'][0]}, by {row['by']}{then}?"


def _say_nothing_written(*, as_json: bool) -> None:
    if not as_json:
        print_line(NOTHING_WRITTEN)


@subscription_app.command("cancel")
def subscription_cancel(
    tenant: str,
    now: Annotated[
        bool, typer.Option("--now", help="At once, instead of at the end of the period.")
    ] = False,
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Cancel a tenant's subscription at the end of its period, or now."""
    path = f"/tenants/{quoted(tenant)}/subscription/cancellation"
    _print_subscription(post(config, path, now=now), as_json=json)


@subscription_app.command("reactivate")
def subscription_reactivate(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """Undo a cancellation: the subscription continues after its period."""
    path = f"/tenants/{quoted(tenant)}/subscription/cancellation"
    _print_subscription(delete(config, path), as_json=json)


def _print_subscription(result: Mapping[str, Any], *, as_json: bool) -> None:
    from pbxbilling.cli.printing.tables import local_time

    one = result["subscription"]
    verb = "ended" if one["status"] == "cancelled" else "ends"
    ends = f", {verb} {local_time(one['ends_at'])}" if one["ends_at"] else ""
    sentence = (
        f"subscription {one['subscription']} of tenant {one['tenant']}: {one['status']}{ends}"
    )
    print_done(result, sentence, result["notes"], as_json=as_json)


@app.command()
def subscriptions(config: Config = DEFAULT, tenant: ForTenant = None, json: Json = False) -> None:
    """List subscriptions as Stripe last reported them, oldest first."""
    rows = every(config, "/subscriptions", tenant=tenant)
    print_rows("subscriptions", rows, _SUBSCRIPTIONS, as_json=json)


@app.command()
def invoices(tenant: str, config: Config = DEFAULT, json: Json = False) -> None:
    """List a tenant's invoices as Stripe last reported them, newest first."""
    rows = get(config, f"/tenants/{quoted(tenant)}/gateway-invoices")
    print_rows("invoices", rows, _INVOICES, as_json=json)


@stripe_app.command("usage")
def stripe_usage(config: Config = DEFAULT, tenant: ForTenant = None, json: Json = False) -> None:
    """Show usage that Stripe's meter does not have: what waits, and what needs a decision."""
    view = get(config, "/usage-events", tenant=tenant)
    if json:
        print_json(view)
        return
    waits = ", ".join(f"{number} {state}" for state, number in sorted(view["unsent"].items()))
    print_line(f"not sent: {waits or 'nothing'}")
    if view["events"]:
        print_rows("usage not sent", view["events"], _USAGE, as_json=False)


@stripe_app.command("usage-decide")
def stripe_usage_decide(
    leg: str,
    again: Annotated[
        bool,
        typer.Option("--again/--settled", help="Send it again, or mark it as settled by hand."),
    ],
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Decide on usage that was refused, undecided or too old; LEG is pbx:uniqueid."""
    event = put(config, f"/usage-events/{quoted(leg)}/decision", again=again)
    done = "is sent again" if again else "is settled by hand"
    print_done(
        event, f"{leg}: {event['minutes']} minutes of {event['tenant']}; it {done}", as_json=json
    )


@stripe_app.command("reconcile")
def stripe_reconcile(
    month: OneMonth,
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Compare the final statements of a month with what Stripe's meter was sent, by tenant."""
    rows = get(config, "/usage-events/periods", month=parsed_period(month))
    print_rows(f"usage of {month}", rows, _RECONCILED, as_json=json)


@invoice_app.command("run")
def invoice_run(
    month: OneMonth,
    config: Config = DEFAULT,
    json: Json = False,
) -> None:
    """Issue the missing invoices of a past month; a repeated run changes nothing."""
    runs = post(config, "/usage-invoices", month=parsed_period(month))
    print_rows(f"invoices of {month}", runs, _RUNS, as_json=json)
