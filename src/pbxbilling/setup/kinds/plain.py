"""A dialplan written by hand: includes, globals, and a hook wherever a call leaves or comes in."""

from __future__ import annotations

from collections.abc import Mapping

from pbxbilling.setup.conf.reader import read, text_of
from pbxbilling.setup.files.backup import SetupError
from pbxbilling.setup.kinds import doors, hooks, modules, parts
from pbxbilling.setup.kinds.unseen import unseen
from pbxbilling.setup.kinds.work import Work, joined
from pbxbilling.setup.pbx.console import Console
from pbxbilling.setup.pbx.look import Found
from pbxbilling.setup.pbx.site import Site

SITE_FILE = "extensions_pbxbilling_site.conf"
_MAIN = "extensions.conf"
_EDITED = (_MAIN, "manager.conf", "cel.conf", "cel_custom.conf", "modules.conf", "pjsip.conf")
_HEADER = [
    "; pbxbilling: where calls that come in meet the subroutine pbxbilling-admit.",
    "; Written by `pbxbilling setup asterisk`; yours to change.",
]


def write(
    work: Work, site: Site, found: Found, values: Mapping[str, str], console: Console
) -> None:
    """Add to `work` what such a site needs.

    Raises SetupError where Asterisk refuses a file as it is: a reload would take a dialplan away
    that still runs.
    """
    refused = [fault for name in _EDITED for fault in read(work.etc, name).refused]
    if refused:
        raise SetupError(f"{refused[0]}: correct it first")
    modules.load(work, console, [*modules.wanted_modules(site.release), "func_dialplan"])
    parts.journal(work, site.log)
    parts.globals_of(work, _MAIN, values)
    parts.subroutine(work, _MAIN)
    made = hooks.Hooks(work.edits)
    hooks.outgoing(made, found.dialplan, found.trunks)
    doors.incoming(made, found.dialplan, found.leading_outside())
    if made.contexts:
        path = work.etc / SITE_FILE
        before = text_of(path) if path.exists() else joined(_HEADER)
        work.file(path, before + joined(made.contexts), like=work.etc / _MAIN)
        work.include(_MAIN, SITE_FILE)
        work.reload("module reload res_pjsip.so", "module reload chan_sip.so")
    work.by_hand += made.by_hand
    work.by_hand += unseen(work.etc, found)
