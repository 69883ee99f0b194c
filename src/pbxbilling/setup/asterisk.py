"""Set up the Asterisk of this machine: look, show, write, reload; and take all of it back."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pbxbilling.kernel.ports import Clock
from pbxbilling.setup import daemon_config
from pbxbilling.setup.draft.document import DRAFTED, draft_file
from pbxbilling.setup.draft.document import FILE as DRAFT
from pbxbilling.setup.files import backup
from pbxbilling.setup.files.backup import SetupError
from pbxbilling.setup.files.changes import FileChange, needed
from pbxbilling.setup.kinds.parts import Manager, is_loopback, our_globals
from pbxbilling.setup.kinds.plan import journal_of
from pbxbilling.setup.kinds.plan import plan as plan_site
from pbxbilling.setup.pbx import freepbx_trunks
from pbxbilling.setup.pbx.console import Console, ConsoleError
from pbxbilling.setup.pbx.look import Found, look
from pbxbilling.setup.pbx.site import Kind, Site, find

UNDO_RELOADS = (
    "manager reload",
    "module reload cel",
    "module reload cel_custom.so",
    "module reload res_pjsip.so",
    "module reload chan_sip.so",
    "dialplan reload",
)
_FOLDER = "setup"
_SECRET_BYTES = 20
_TAKEN = "4573"
_APART = (
    "Asterisk runs apart from this machine's files (--console): there, mkdir {folder}; name its"
    " journal as it is seen here with --journal; if it has a network of its own, say --hook too"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator asks for."""

    config: Path
    etc: Path
    console: Console
    pbx: str = daemon_config.FIRST
    hook: str = "127.0.0.1:4590"
    emergency: tuple[str, ...] = daemon_config.EMERGENCY
    trunks: tuple[str, ...] = ()
    journal: Path | None = None
    kind: Kind | None = None
    """None: told by the files."""


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """All that a set-up would do; nothing of it has been done."""

    site: Site
    changes: Sequence[FileChange]
    folders: Sequence[Path]
    by_hand: Sequence[str]
    reloads: Sequence[str]
    found: Found
    request: Request

    def shown(self) -> Iterator[str]:
        """Yield the differences of all files, and the folders that are made."""
        for folder in self.folders:
            yield f"new folder {folder}\n"
        for change in self.changes:
            yield change.shown()


def plan(request: Request) -> SetupPlan:
    """Look at the PBX and return what a set-up would do. Raises SetupError."""
    site = find(request.etc, request.console, request.kind)
    found = look(request.etc, request.trunks or _named_trunks(site))
    kept = daemon_config.secret_of(request.config, request.pbx)
    secret = kept or secrets.token_hex(_SECRET_BYTES)
    values = our_globals(request.pbx, request.hook, request.emergency)
    work, manager = plan_site(site, found, secret, values, request.console)
    changes = work.changes()
    by_hand = [*work.by_hand, *_not_found(site, found)]
    if site.kind is not Kind.MIKOPBX:
        changes += _of_the_daemon(request, site, found, manager)
        accounts = draft_file(request.config.with_name(DRAFT), site, found, request.console)
        if accounts.is_needed:
            changes.append(accounts)
            by_hand.append(DRAFTED.format(path=accounts.path))
    folders = _missing_folders(request, work.folders if changes else [])
    if folders and not request.console.is_here and request.journal is None:
        by_hand.append(_APART.format(folder=folders.pop()))
    return SetupPlan(site, changes, folders, by_hand, work.reloads, found, request)


def _not_found(site: Site, found: Found) -> Iterator[str]:
    """Yield what a person must look at because it could not be read or found."""
    if site.kind is Kind.PLAIN:
        yield from (f"{place}: not read" for place in found.unread)
    if not found.trunks and site.kind in {Kind.PLAIN, Kind.FREEPBX}:
        yield "no trunk found: name each with --trunk PJSIP/NAME, or nothing is billed"


def _of_the_daemon(
    request: Request, site: Site, found: Found, manager: Manager
) -> Iterator[FileChange]:
    """Yield the changes of pbxbilling.toml and of the secret beside it."""
    journal = request.journal or journal_of(site)
    pbx = daemon_config.Pbx(request.pbx, manager, found.trunks, journal)
    yield from needed(
        [
            daemon_config.configured(request.config, pbx, _listen(site, request.hook)),
            daemon_config.secret_file(request.config, request.pbx, manager.secret),
        ]
    )


def _missing_folders(request: Request, wanted: Sequence[Path]) -> list[Path]:
    """Return the journal's folder if it must be made: as this machine sees it, if that is said."""
    if request.journal is None:
        return list(wanted)
    return [] if request.journal.parent.is_dir() else [request.journal.parent]


def _named_trunks(site: Site) -> list[str]:
    """Return the trunks that the PBX names itself."""
    return freepbx_trunks.trunks_of(site.etc) if site.kind is Kind.FREEPBX else []


def _listen(site: Site, hook: str) -> str:
    """Return where the daemon must be told to listen; empty where its default will do.

    Without that line it answers at the port of 0.1 too, which is FreePBX' and Wazo's own.
    """
    host, _, port = hook.rpartition(":")
    if site.kind not in {Kind.FREEPBX, Kind.WAZO}:
        return ""
    if port == _TAKEN and is_loopback(host):
        raise SetupError(
            f"agi.listen: port {port} is that of the AGI server of {site.kind.value}: write another"
            " one into pbxbilling.toml, 127.0.0.1:4590 for instance"
        )
    return hook if is_loopback(host) else ""


def write(planned: SetupPlan, clock: Clock) -> Path | None:
    """Write what was planned; return the folder of the backup, None where nothing was needed.

    Raises SetupError, and has changed nothing then.
    """
    if not planned.changes:
        return None
    kept = backup.apply(planned.changes, backups(planned.request.config), clock.now())
    for folder in planned.folders:
        folder.mkdir(parents=True, exist_ok=True)
        model = folder.parent.stat()
        os.chown(folder, model.st_uid, model.st_gid)
        folder.chmod(model.st_mode & 0o777)
    return kept


def reload(console: Console, commands: Sequence[str]) -> list[str]:
    """Have Asterisk read its files anew; return what it could not do."""
    faults = []
    for command in commands:
        try:
            console.run(command)
        except ConsoleError as fault:
            faults.append(str(fault))
    return faults


def backups(config: Path) -> Path:
    """Return where the backups are: beside pbxbilling.toml."""
    return config.parent / _FOLDER
