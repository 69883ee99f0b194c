"""`pbxbilling setup asterisk`: shows what it would write, writes it, and takes it back."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pbxbilling.cli.options import DEFAULT, Config
from pbxbilling.cli.printing.output import NOTHING_WRITTEN, print_line
from pbxbilling.cli.site.doctor import print_checks

if TYPE_CHECKING:
    from pbxbilling.doctor.check import Check
    from pbxbilling.setup.asterisk import Request, SetupPlan

app = typer.Typer(help="Connect a PBX.", no_args_is_help=True)

_ETC = Path("/etc/asterisk")
_NEXT = "next: {}place a call, then `pbxbilling doctor`: the checks of {} fail until then"
_START = "start the daemon (`systemctl enable --now pbxbilling`), "
_OF_DAEMON = frozenset({("hook", "round trip"), ("database", "schema")})
"""Checks that need a daemon which was started: its unit makes the folder of the database."""
_OF_CALL = "journal"
"""The one that needs a first call; Asterisk 16 does not tell that it had none."""


@app.callback()
def _setup() -> None:
    """Connect a PBX."""


@app.command()
def asterisk(
    config: Config = DEFAULT,
    etc: Annotated[
        Path, typer.Option("--etc", "--asterisk-etc", help="Asterisk's configuration folder.")
    ] = _ETC,
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
    print_: Annotated[
        str, typer.Option("--print", metavar="KIND", help="Print the files for another machine.")
    ] = "",
    hook: Annotated[str, typer.Option(help="Where the PBX reaches the daemon, address:port.")] = "",
    host: Annotated[
        str, typer.Option(help="Where the daemon reaches that machine (with --print).")
    ] = "",
    kind: Annotated[
        str, typer.Option(help="plain, freepbx, wazo or mikopbx; in place of what the files tell.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, and write nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put every file back as it was.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Connect the Asterisk of this machine: show what changes, write it, reload, check."""
    from pbxbilling.setup.asterisk import Request
    from pbxbilling.setup.daemon_config import emergency_numbers, hook_address
    from pbxbilling.setup.pbx.console import Console
    from pbxbilling.setup.pbx.site import kind_named

    request = Request(
        config=config.absolute(),
        etc=etc,
        console=Console(console),
        pbx=pbx,
        hook=hook or hook_address(config, os.environ),
        emergency=emergency_numbers(config),
        trunks=tuple(trunk or ()),
        journal=journal,
        kind=kind_named(kind),
    )
    if print_:
        _print(print_, request, hook, host)
    elif undo:
        _undo(request, dry_run=dry_run)
    else:
        _set_up(request, dry_run=dry_run, yes=yes)


def _set_up(request: Request, *, dry_run: bool, yes: bool) -> None:
    from pbxbilling.setup.asterisk import plan

    planned = plan(request)
    _show(planned)
    if dry_run:
        print_line(NOTHING_WRITTEN)
        return
    if planned.changes:
        _write(planned, yes=yes)
    if planned.reloads:
        _reload(planned)


def _show(planned: SetupPlan) -> None:
    """Print the site, every difference, what is run afterwards, and what is left to do by hand."""
    print_line(f"{planned.request.etc}: {planned.site.name}")
    print_line(f"trunks: {', '.join(planned.found.trunks) or 'none found'}")
    for text in planned.shown():
        print_line("")
        _print_lines(text)
    print_line("")
    if not planned.changes:
        print_line("nothing to change: every file is as it should be")
    _print_list("afterwards, on Asterisk's console:", planned.reloads)
    _print_list("by hand:", planned.by_hand)


def _print_list(title: str, sentences: Sequence[str]) -> None:
    if sentences:
        print_line(title)
    for sentence in sentences:
        print_line(f"- {sentence}")


def _print_lines(text: str) -> None:
    for line in text.rstrip("\n").split("\n"):
        print_line(line)


def _write(planned: SetupPlan, *, yes: bool) -> None:
    from pbxbilling.runtime.clock import SystemClock
    from pbxbilling.setup.asterisk import write
    from pbxbilling.setup.files.backup import SetupError

    count = len(planned.changes)
    if not yes and not sys.stdin.isatty():
        raise SetupError("no terminal to ask on: say --yes to write this, or --dry-run")
    if not yes and not typer.confirm(f"Write these {count} files?"):
        print_line("nothing was written")
        raise typer.Exit(1)
    kept = write(planned, SystemClock())
    print_line(f"wrote {count} files; `--undo` puts them back as {kept} has them")


def _reload(planned: SetupPlan) -> None:
    """Have Asterisk and the daemon read their files, and check both."""
    from pbxbilling.doctor.check import Result
    from pbxbilling.doctor.examine import examine
    from pbxbilling.runtime.clock import SystemClock
    from pbxbilling.setup import service
    from pbxbilling.setup.asterisk import reload

    for fault in reload(planned.request.console, planned.reloads):
        print_line(f"warning: {fault}")
    if planned.changes and service.is_running() and service.restart():
        print_line(f"restarted {service.UNIT}")
    print_line("")
    checks = asyncio.run(examine(planned.request.config, os.environ, SystemClock()))
    failed = [check for check in checks if check.result is Result.FAIL]
    later = [check for check in failed if _is_later(check)]
    print_checks(checks, as_json=False, fails=failed != later)
    if later:
        start = "" if all(check.name == _OF_CALL for check in later) else _START
        print_line(_NEXT.format(start, " and ".join(check.name for check in later)))


def _is_later(check: Check) -> bool:
    """Return whether a check fails wherever the daemon, or Asterisk, has had no work yet."""
    return check.name == _OF_CALL or (check.subject, check.name) in _OF_DAEMON


def _print(form: str, request: Request, hook: str, host: str) -> None:
    from pbxbilling.setup.elsewhere import elsewhere, form_of
    from pbxbilling.setup.sheets import by_hand, sheets

    there = elsewhere(
        form_of(form),
        request.config,
        request.pbx,
        hook=hook,
        host=host,
        emergency=request.emergency,
        trunks=request.trunks,
        journal=request.journal,
    )
    for sheet in sheets(there):
        print_line(f"==> {sheet.name}: {sheet.how}")
        _print_lines(sheet.text)
        print_line("")
    _print_list("by hand:", list(by_hand(there)))


def _undo(request: Request, *, dry_run: bool) -> None:
    from pbxbilling.setup.asterisk import UNDO_RELOADS, backups, reload
    from pbxbilling.setup.files.backup import undo

    for restored in undo(backups(request.config), dry=dry_run):
        print_line(f"{restored.path}: {restored.how}")
    if dry_run:
        print_line(NOTHING_WRITTEN)
        return
    for fault in reload(request.console, UNDO_RELOADS):
        print_line(f"warning: {fault}")
