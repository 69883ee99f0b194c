"""A dialplan written by hand: includes, globals, and a hook wherever a call leaves or comes in."""

from __future__ import annotations

from collections.abc import Mapping

from pbxbilling.setup.conf.reader import text_of
from pbxbilling.setup.kinds import hooks, parts, shipped
from pbxbilling.setup.kinds.work import Work, joined
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Site

SITE_FILE = "extensions_pbxbilling_site.conf"
_MAIN = "extensions.conf"
_HEADER = [
    "; pbxbilling: where calls that come in meet the subroutine pbxbilling-admit.",
    "; Written by `pbxbilling setup asterisk`; yours to change.",
]
_OTHERS = ("extensions.ael", "extensions.lua")


def write(
    work: Work, site: Site, found: Found, values: Mapping[str, str], console: Console
) -> None:
    """Add to `work` what such a site needs."""
    parts.modules(work, console, [*parts.wanted_modules(site.release), "func_dialplan"])
    parts.journal(work, site.log)
    parts.globals_of(work, _MAIN, values)
    parts.subroutine(work, _MAIN)
    made = hooks.Hooks(work.edits)
    hooks.outgoing(made, found.dialplan, found.trunks)
    hooks.incoming(made, found.dialplan, found.leading_outside())
    if made.contexts:
        path = work.etc / SITE_FILE
        before = text_of(path) if path.exists() else joined(_HEADER)
        work.file(path, before + joined(made.contexts), like=work.etc / _MAIN)
        work.include(_MAIN, SITE_FILE)
        work.reload("module reload res_pjsip.so", "module reload chan_sip.so")
    work.by_hand += made.by_hand
    for name in _OTHERS:
        if (work.etc / name).exists():
            work.by_hand.append(
                f"{work.etc / name}: not read: put {shipped.hook_line('NUMBER')} before each Dial"
                " there that leads outside"
            )
