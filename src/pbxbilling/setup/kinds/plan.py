"""What a set-up writes, by the kind of site."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pbxbilling.setup.kinds import generated, parts, plain
from pbxbilling.setup.kinds.work import Work
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Kind, Site

_MANAGER: Mapping[Kind, str] = {Kind.FREEPBX: "manager_custom.conf"}
"""Where the manager's user is included, if not in manager.conf."""


def plan(
    site: Site, found: Found, secret: str, values: Mapping[str, str], console: Console
) -> tuple[Work, parts.Manager]:
    """Return what a set-up of this site would write, and how the daemon logs in.

    `values` are the dialplan's globals. A manager user that exists keeps its secret.
    """
    work = Work(site.etc)
    manager = parts.manager(work, secret, _MANAGER.get(site.kind, "manager.conf"))
    if site.kind is Kind.PLAIN:
        plain.write(work, site, found, values, console)
    elif site.kind is Kind.FREEPBX:
        generated.freepbx(work, site, values)
    elif site.kind is Kind.WAZO:
        generated.wazo(work, site, values, console)
    else:
        work = Work(site.etc, by_hand=[generated.MIKOPBX])
    work.reload("dialplan reload")
    return work, manager


def journal_of(site: Site) -> Path:
    """Return where the journal is."""
    return site.log / "cel-custom" / parts.JOURNAL
