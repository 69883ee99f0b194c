"""`pbxbilling`: tables for people, `--json` for programs. Exits with 0 done, 1 failed, 2 usage."""

from __future__ import annotations

import os
import sys

import typer

from pbxbilling.cli import (
    accounts,
    daemon,
    daily,
    figures,
    identity,
    live,
    payments,
    privacy,
    statements,
    tenants,
    usage,
)
from pbxbilling.cli.site import database, doctor, setup

UMASK = 0o077  # who called whom is for the user of this process alone, whatever the shell's umask

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
app.add_typer(daemon.app)
app.add_typer(doctor.app)
app.add_typer(live.app)
app.add_typer(daemon.backup_app)
app.add_typer(accounts.app)
app.add_typer(daily.app)
app.add_typer(privacy.purge_app)
app.add_typer(figures.app, name="figures")
app.add_typer(daemon.config_app, name="config")
app.add_typer(database.app, name="database")
app.add_typer(setup.app, name="setup")
app.add_typer(accounts.plan_app, name="plan")
accounts.tenant_app.add_typer(privacy.app)
app.add_typer(accounts.tenant_app, name="tenant")
app.add_typer(tenants.app, name="tenants")
app.add_typer(usage.usage_app, name="usage")
app.add_typer(statements.app)
app.add_typer(statements.statement_app, name="statement")
app.add_typer(statements.oneoff_app, name="oneoff")
app.add_typer(identity.app)
app.add_typer(identity.user_app, name="user")
app.add_typer(identity.token_app, name="token")
app.add_typer(payments.app)
app.add_typer(payments.stripe_app, name="stripe")
app.add_typer(payments.invoice_app, name="invoice")
app.add_typer(payments.subscription_app, name="subscription")


def main() -> None:
    """Run a command; an error is one message on stderr and exit status 1."""
    from pbxbilling.kernel.errors import ServiceError
    from pbxbilling.kernel.text import shown

    os.umask(UMASK)
    try:
        app()
    except ServiceError as error:
        lines = map(shown, f"pbxbilling: {error}".split("\n"))
        sys.stderr.write("\n".join(lines) + "\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
