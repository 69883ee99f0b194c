"""What a set-up writes, by the kind of site."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pbxbilling.setup.kinds import freepbx, parts, plain, wazo
from pbxbilling.setup.kinds.work import Work
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Kind, Site

MIKOPBX = (
    "MikoPBX writes all of its files anew, so nothing is written here: `pbxbilling setup asterisk"
    " --print mikopbx --hook ADDRESS:PORT` prints what goes into System file customization"
)
_WRITERS = {Kind.PLAIN: plain.write, Kind.FREEPBX: freepbx.write, Kind.WAZO: wazo.write}


def plan(
    site: Site, found: Found, secret: str, values: Mapping[str, str], console: Console
) -> tuple[Work, parts.Manager]:
    """Return what a set-up of this site would write, and how the daemon logs in.

    `values` are the dialplan's globals. A manager user that exists keeps its secret.
    """
    work = Work(site.etc, model=site.model)
    daemon = values["PBXBILLING_HOOK"].rpartition(":")[0]
    manager = _manager(work, site.kind, secret, daemon)
    if site.kind is Kind.MIKOPBX:
        return Work(site.etc, by_hand=[MIKOPBX]), manager
    _WRITERS[site.kind](work, site, found, values, console)
    if not parts.is_loopback(daemon):
        work.by_hand.append(
            f"the hook crosses a network ({daemon}): pbxbilling.toml needs agi.listen, agi.allow"
            " and agi.token_file, the globals PBXBILLING_TOKEN: --print shows them"
        )
    work.reload("dialplan reload")
    return work, manager


def _manager(work: Work, kind: Kind, secret: str, daemon: str) -> parts.Manager:
    if kind is Kind.FREEPBX:
        return parts.manager(work, secret, main=freepbx.MANAGER, daemon=daemon)
    if kind is Kind.WAZO:
        return parts.manager(work, secret, main="", name=wazo.MANAGER, daemon=daemon)
    return parts.manager(work, secret, daemon=daemon)


def journal_of(site: Site) -> Path:
    """Return where the journal is."""
    return site.log / "cel-custom" / parts.JOURNAL
