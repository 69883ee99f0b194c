"""Wazo: new files in the folders that it reads for the site; no file of its packages is edited."""

from __future__ import annotations

from collections.abc import Mapping

from pbxbilling.setup.kinds import modules, parts, shipped
from pbxbilling.setup.kinds.work import MARK, Work, joined
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Site
from pbxbilling.setup.recipes import recipe

MANAGER = "manager.d/pbxbilling.conf"
DIALPLAN = "extensions_extra.d/pbxbilling.conf"
MODULES = "conf.d/pbxbilling.yml"
"""Below /etc/wazo-confgend, from which Wazo writes modules.conf at each start of Asterisk."""

JOURNAL = "cel.d/pbxbilling.conf"
_CONFGEND = "wazo-confgend"
RESTART = "systemctl restart wazo-confgend  (Asterisk itself keeps running)"
TRUNKS = (
    "Wazo keeps its endpoints in a database: name each that leads outside with --trunk PJSIP/NAME"
    " (`asterisk -rx 'pjsip show endpoints'` lists them), or nothing is billed"
)


def write(
    work: Work, site: Site, found: Found, values: Mapping[str, str], console: Console
) -> None:
    """Add to `work` what such a site needs."""
    _modules(work, site, console)
    _journal(work, site)
    theirs = {
        line.name
        for section in work.conf("extensions.conf").named("globals")
        for line in section.lines
        if line.path != work.etc / DIALPLAN
    }
    work.file(work.etc / DIALPLAN, dialplan({k: v for k, v in values.items() if k not in theirs}))
    if not found.trunks:
        work.by_hand.append(TRUNKS)


def dialplan(values: Mapping[str, str]) -> str:
    """Return our whole part of the dialplan: globals, subroutine, recipe."""
    head = joined([MARK, "", "[globals]", *(f"{key}={value}" for key, value in values.items()), ""])
    return f"{head}{shipped.text(shipped.SUBROUTINE)}\n{recipe('wazo')}"


def loading(names: list[str]) -> str:
    """Return the file that has wazo-confgend load these modules."""
    loads = [f"  {name}.so: true" for name in names]
    return joined([f"# {MARK.removeprefix('; ')}", "enabled_asterisk_modules:", *loads])


def _journal(work: Work, site: Site) -> None:
    """Turn the journal on. Times are left to Wazo, whose form without a format is ours."""
    cel = work.conf("cel.conf")
    lines = []
    if not parts.is_yes(cel.get("general", "enable")):
        lines.append("enable = yes")
    if events := parts.missing_events(cel):
        lines.append(f"events = {','.join(events)}")
    if lines:
        work.file(work.etc / JOURNAL, joined([MARK, "[general]", *lines]))
    parts.mapping(work, "cel_custom.conf")
    parts.journal_folder(work, site.log)


def _modules(work: Work, site: Site, console: Console) -> None:
    wanted = modules.wanted_modules(site.release)
    excluded, missing = modules.unloaded(work.conf("modules.conf"), wanted)
    names = [name for name in wanted if name in excluded or name in missing]
    folder = work.etc.parent / _CONFGEND
    if names and folder.is_dir():
        work.file(folder / MODULES, loading(names))
        work.by_hand.append(RESTART)
    elif names:
        listed = ", ".join(f"{name}.so: true" for name in names)
        work.by_hand.append(
            f"/etc/{_CONFGEND}/{MODULES}: enabled_asterisk_modules: {{ {listed} }}; then {RESTART}"
        )
    modules.load_now(work, console, wanted)
