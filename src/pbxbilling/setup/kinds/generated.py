"""Dialplans that another program writes: only the places are used that it leaves to the site."""

from __future__ import annotations

from collections.abc import Mapping

from pbxbilling.setup.conf.reader import read, text_of
from pbxbilling.setup.kinds import parts, shipped
from pbxbilling.setup.kinds.work import MARK, Work, joined
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.site import Site
from pbxbilling.setup.recipes import recipe

FREEPBX_CLICKS = (
    (
        "Extensions: give each an Account Code (the bulk handler can), or set `tenant` under"
        " this [[pbx]] if the PBX is one tenant's: calls of an extension without one are nobody's"
    ),
    "Trunks, pjsip Settings, Advanced: set the Context of each trunk to from-pstn-pbxbilling",
    "Outbound Routes: tick Emergency on the routes of emergency numbers",
    "Admin, Asterisk Modules: see that cel_custom.so is not excluded",
    "Apply Config (or `fwconsole reload`)",
)
MIKOPBX = (
    "MikoPBX writes all of its files anew, so nothing is written here: `pbxbilling setup asterisk"
    " --print mikopbx` prints what goes into System file customization"
)
_WAZO_FOLDER = "extensions_extra.d"
_WAZO_HEADER = [
    "; pbxbilling: the subroutine, and where Wazo calls it.",
    "; Written by `pbxbilling setup asterisk`.",
    "",
]


def freepbx(work: Work, site: Site, values: Mapping[str, str]) -> None:
    """Use the *_custom.conf files alone; say what must be clicked."""
    custom = work.etc / "globals_custom.conf"
    there = text_of(custom) if custom.exists() else ""
    lines = [f"{key}={value}" for key, value in values.items() if f"{key}=" not in there]
    if lines:
        work.edits[custom].append([MARK, *lines])
    cel = work.etc / "cel_general_custom.conf"
    if "dateformat" not in (text_of(cel) if cel.exists() else ""):
        work.edits[cel].append([MARK, "dateformat = %s.%6q"])
    parts.mapping(work, "cel_custom.conf")
    parts.journal_folder(work, site.log)
    name = "extensions_custom.conf"
    parts.subroutine(work, name)
    _add_recipe(work, name, "freepbx16" if site.has_macro else "freepbx17")
    work.by_hand += FREEPBX_CLICKS


def wazo(work: Work, site: Site, values: Mapping[str, str], console: Console) -> None:
    """Use one file of our own in extensions_extra.d."""
    parts.modules(work, console, site.release)
    parts.journal(work, site.log)
    path = work.etc / _WAZO_FOLDER / "pbxbilling.conf"
    sections = work.conf("extensions.conf").named("globals")
    adds = "(+)" if any(one.path != path for one in sections) else ""
    lines = [f"{key}={value}" for key, value in values.items()]
    head = joined([*_WAZO_HEADER, f"[globals]{adds}", *lines, ""])
    text = f"{head}{shipped.text(shipped.SUBROUTINE)}\n{recipe('wazo')}"
    work.file(path, text, like=work.etc / "extensions.conf")


def _add_recipe(work: Work, main: str, name: str) -> None:
    """Put a recipe behind what the site has; contexts that it has already are left to a person."""
    conf = read(work.etc, main)
    text = recipe(name)
    there = {section.name for section in conf.sections}
    wanted = [line.strip("[]") for line in text.splitlines() if line.startswith("[")]
    taken = [one for one in wanted if one in there]
    if not taken:
        work.edits[work.etc / main].append(["", *text.rstrip("\n").split("\n")])
    elif len(taken) < len(wanted):
        work.by_hand.append(
            f"{work.etc / main}: [{taken[0]}] is there already: add the recipe's lines yourself"
            " (docs/guides/dialplans.md#freepbx)"
        )
