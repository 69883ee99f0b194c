"""`pbxbilling setup asterisk`: shows what it would write, writes it, and takes it back."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pbxbilling.cli.options import DEFAULT, Config
from pbxbilling.cli.printing.output import print_line
from pbxbilling.cli.site.doctor import print_checks

if TYPE_CHECKING:
    from pbxbilling.setup.asterisk import Request, SetupPlan

app = typer.Typer(help="Connect a PBX.", no_args_is_help=True)

_ETC = Path("/etc/asterisk")


@app.callback()
def _setup() -> None:
    """Connect a PBX."""


@app.command()
def asterisk(
    config: Config = DEFAULT,
    etc: Annotated[Path, typer.Option(help="Asterisk's configuration folder.")] = _ETC,
    pbx: Annotated[str, typer.Option(help="The name of this [[pbx]].")] = "pbx1",
    trunk: Annotated[
        list[str] | None, typer.Option(help="A trunk, as PJSIP/carrier; in place of those found.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Where the daemon finds Asterisk's journal.")
    ] = None,
    console: Annotated[
        str, typer.Option(help="The command that is Asterisk's console.")
    ] = "asterisk",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, and write nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put every file back as it was.")] = False,
    print_: Annotated[
        str, typer.Option("--print", metavar="KIND", help="Print the files for another machine.")
    ] = "",
    hook: Annotated[
        str, typer.Option(help="Where that machine reaches the daemon, host:port.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Connect the Asterisk of this machine: show what changes, write it, reload, check."""
    from pbxbilling.setup.asterisk import Request
    from pbxbilling.setup.daemon_config import hook_address
    from pbxbilling.setup.pbx.console import Console

    request = Request(
        config=config.absolute(),
        etc=etc,
        console=Console(console),
        pbx=pbx,
        hook=hook or hook_address(config, os.environ),
        trunks=tuple(trunk or ()),
        journal=journal,
    )
    if print_:
        _print(print_, request)
    elif undo:
        _undo(request, dry_run=dry_run)
    else:
        _set_up(request, dry_run=dry_run, yes=yes)


def _set_up(request: Request, *, dry_run: bool, yes: bool) -> None:
    from pbxbilling.runtime.clock import SystemClock
    from pbxbilling.setup.asterisk import plan, reload, write

    planned = plan(request)
    _show(planned)
    if not planned.changes:
        print_line("nothing to change: every file is as it should be")
    if dry_run:
        return
    if planned.changes:
        if not yes and not _agreed(len(planned.changes)):
            print_line("nothing was written")
            raise typer.Exit(1)
        kept = write(planned, SystemClock())
        print_line(f"wrote {len(planned.changes)} files; as they were before: {kept}")
    for fault in reload(request.console, planned.reloads):
        print_line(f"warning: {fault}")
    _check(request)


def _show(planned: SetupPlan) -> None:
    print_line(f"{planned.request.etc}: {planned.site.name}")
    trunks = ", ".join(planned.found.trunks) or "none found"
    print_line(f"trunks: {trunks}")
    for text in planned.shown():
        print_line("")
        for line in text.rstrip("\n").split("\n"):
            print_line(line)
    if planned.by_hand:
        print_line("")
        print_line("By hand:")
        for sentence in planned.by_hand:
            print_line(f"- {sentence}")


def _agreed(count: int) -> bool:
    from pbxbilling.setup.files.backup import SetupError

    if not sys.stdin.isatty():
        raise SetupError("no terminal to ask: say --yes to write this, or --dry-run")
    return typer.confirm(f"Write these {count} files?")


def _check(request: Request) -> None:
    from pbxbilling.doctor.examine import examine
    from pbxbilling.runtime.clock import SystemClock

    print_line("")
    checks = asyncio.run(examine(request.config, os.environ, SystemClock()))
    print_checks(checks, as_json=False)


def _print(form: str, request: Request) -> None:
    from pbxbilling.setup.elsewhere import Elsewhere, clicks, form_of, sheets

    there = Elsewhere(form_of(form), request.pbx, request.hook, request.emergency)
    for sheet in sheets(there):
        print_line(f"==> {sheet.name}: {sheet.how}")
        for line in sheet.text.rstrip("\n").split("\n"):
            print_line(line)
        print_line("")
    for sentence in clicks(there):
        print_line(f"- {sentence}")


def _undo(request: Request, *, dry_run: bool) -> None:
    from pbxbilling.setup.asterisk import UNDO_RELOADS, backups, reload
    from pbxbilling.setup.files.backup import undo

    for restored in undo(backups(request.config), dry=dry_run):
        print_line(f"{restored.path}: {restored.how}")
    if dry_run:
        return
    for fault in reload(request.console, UNDO_RELOADS):
        print_line(f"warning: {fault}")
